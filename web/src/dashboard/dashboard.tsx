// The operators' page: who may enter, where they are, and the frame around the pages.
import { useCallback, useEffect, useMemo, useRef, useState } from "react";
import { createRoot } from "react-dom/client";
import { ADMIN, type ApiError, CLOSED, refusal, send } from "./api";
import { SessionContext, ToastContext } from "./context";
import "./dashboard.css";
import { Enrol } from "./enrol";
import { MeDocument } from "./generated/admin";
import type { SessionPartsFragment } from "./generated/public";
import { Frame } from "./frame";
import { OperatorSession } from "./session";
import { Gate } from "./gate";
import { SignIn } from "./sign_in";
import { StepUp } from "./step_up";
import { Toasts, useToasts } from "./toasts";
import { Refused } from "./ui";

type Phase = "starting" | "closed" | "open";

function Dashboard() {
  const [phase, setPhase] = useState<Phase>("starting");
  const [error, setError] = useState<ApiError>();
  const [session, setSession] = useState<OperatorSession | null>(null);
  const [why, setWhy] = useState("");
  const [toasts, tell] = useToasts();

  const look = useCallback(async () => {
    setError(undefined);
    try {
      await send(ADMIN, MeDocument, {});
    } catch (thrown) {
      const refused = refusal(thrown);
      if (refused.code === CLOSED) return setPhase("closed");
      if (refused.code !== "UNAUTHENTICATED") setError(refused);
    }
    setPhase("open");
  }, []);
  useEffect(() => void look(), [look]);

  const leave = useCallback((reason: string) => {
    setSession((left) => {
      left?.forget();
      return null;
    });
    setWhy(reason);
  }, []);
  const enter = useCallback(
    (parts: SessionPartsFragment) => {
      const opened = new OperatorSession(parts);
      opened.onEnd = () => leave("Your session has ended. Sign in to go on where you were.");
      setWhy("");
      setSession(opened);
    },
    [leave],
  );
  const signOut = useCallback(async () => {
    await session?.signOut();
    leave("You are signed out.");
  }, [session, leave]);

  return (
    <ToastContext value={tell}>
      {phase === "starting" && <Gate title="Postern">{<p role="status">Loading…</p>}</Gate>}
      {phase === "closed" && <Closed onRetry={look} />}
      {phase === "open" && !session && (
        <>
          {error && <Refused error={error} />}
          <SignIn why={why} onOpened={enter} />
        </>
      )}
      {phase === "open" && session && (
        <SessionContext value={session}>
          <Admission
            session={session}
            onSignOut={() => void signOut()}
            onClosed={() => {
              leave("");
              setPhase("closed");
            }}
          />
        </SessionContext>
      )}
      <Toasts toasts={toasts} />
    </ToastContext>
  );
}

/** Lets in who is an operator with a second factor; tells others what is missing. */
function Admission({
  session,
  onSignOut,
  onClosed,
}: {
  session: OperatorSession;
  onSignOut: () => void;
  onClosed: () => void;
}) {
  const [admitted, setAdmitted] = useState(false);
  const [shut, setShut] = useState<ApiError>();
  const closed = useRef(onClosed);
  closed.current = onClosed;

  const look = useCallback(async () => {
    setShut(undefined);
    try {
      await session.call(MeDocument, {});
      setAdmitted(true);
    } catch (thrown) {
      setShut(refusal(thrown));
    }
  }, [session]);
  useEffect(() => {
    session.onShut = (error) => {
      if (error.code === CLOSED) closed.current();
      else setShut(error);
    };
    void look();
  }, [session, look]);

  const stepUp = useMemo(() => <StepUp session={session} />, [session]);
  return (
    <>
      {shut?.code === "SECOND_FACTOR_REQUIRED" ? (
        <Enrol session={session} onDone={() => void look()} onSignOut={onSignOut} />
      ) : shut && (!admitted || shut.code === "NOT_AN_OPERATOR") ? (
        <NotAdmitted
          error={shut}
          email={session.user.email}
          onRetry={() => void look()}
          onSignOut={onSignOut}
        />
      ) : admitted ? (
        <Frame onSignOut={onSignOut} />
      ) : (
        <Gate title="Postern">
          <p role="status">Loading…</p>
        </Gate>
      )}
      {stepUp}
    </>
  );
}

function NotAdmitted({
  error,
  email,
  onRetry,
  onSignOut,
}: {
  error: ApiError;
  email: string;
  onRetry: () => void;
  onSignOut: () => void;
}) {
  const isOperator = error.code !== "NOT_AN_OPERATOR";
  return (
    <Gate title={isOperator ? "You are not in yet" : "You are not an operator"}>
      {isOperator ? (
        <Refused error={error} />
      ) : (
        <p>
          You are signed in as <bdi className="stranger">{email}</bdi>, without the role “admin”. An
          operator can give it to you.
        </p>
      )}
      <div className="acts">
        {isOperator && (
          <button type="button" className="primary" onClick={onRetry}>
            Try again
          </button>
        )}
        <button type="button" onClick={onSignOut}>
          Sign out
        </button>
      </div>
    </Gate>
  );
}

/** The operators' interface answers 404: nobody is an operator, or not from here. */
function Closed({ onRetry }: { onRetry: () => Promise<void> }) {
  return (
    <Gate title="No operator yet">
      <p>Make the first one with the command line of the server:</p>
      <pre tabIndex={0} aria-label="Command">
        postern create-user you@example.com --admin
      </pre>
      <p>
        If there is one, the dashboard is closed to this network or switched off:{" "}
        <code>AUTH_ADMIN_NETWORKS</code> and <code>AUTH_ADMIN_ENABLED</code> decide about it.
      </p>
      <div className="acts">
        <button type="button" className="primary" onClick={() => void onRetry()}>
          Look again
        </button>
      </div>
    </Gate>
  );
}

const root = document.getElementById("dashboard");
if (root) createRoot(root).render(<Dashboard />);
