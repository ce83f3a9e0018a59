// An operator without a second factor sets one up in place.
import { type FormEvent, useEffect, useState } from "react";
import { type ApiError, refusal } from "./api";
import { FactorForm } from "./factor";
import {
  AddPasskeyDocument,
  BeginEnrolmentDocument,
  type BeginEnrolmentMutation,
  FinishEnrolmentDocument,
  StartAddPasskeyDocument,
} from "./generated/public";
import { HAS_PASSKEYS, makePasskey } from "./passkeys";
import type { OperatorSession } from "./session";
import { Gate } from "./sign_in";
import { elevation } from "./step_up";
import { Field } from "./fields";
import { Refused } from "./ui";

interface Props {
  session: OperatorSession;
  onDone: () => void;
  onSignOut: () => void;
}

export function Enrol({ session, onDone, onSignOut }: Props) {
  const [codes, setCodes] = useState<string[]>();
  const [kept, setKept] = useState(false);
  if (!codes) return <SetUp session={session} onCodes={setCodes} onSignOut={onSignOut} />;
  if (!kept) return <RecoveryCodes codes={codes} onKept={() => setKept(true)} />;
  return (
    <Gate title="Use it once">
      <p>
        Confirm your sign-in with the new factor. With an app, wait for the next code: the last one
        is used up.
      </p>
      <FactorForm
        factors={session.user.factors.filter((factor) => factor !== "RECOVERY_CODE")}
        answers={elevation(session, onDone)}
        verb="Go on"
      />
    </Gate>
  );
}

function SetUp({
  session,
  onCodes,
  onSignOut,
}: {
  session: OperatorSession;
  onCodes: (codes: string[]) => void;
  onSignOut: () => void;
}) {
  const [enrolment, setEnrolment] = useState<BeginEnrolmentMutation["changeUserMfa"]>();
  const [error, setError] = useState<ApiError>();
  useEffect(() => {
    session.ask(BeginEnrolmentDocument, {}).then(
      (begun) => setEnrolment(begun.changeUserMfa),
      (thrown: unknown) => setError(refusal(thrown)),
    );
  }, [session]);

  async function addPasskey() {
    setError(undefined);
    try {
      const { addPasskey } = await session.ask(StartAddPasskeyDocument, {});
      const credentialJson = await makePasskey(addPasskey.optionsJson);
      const { verifyAddPasskey } = await session.ask(AddPasskeyDocument, { credentialJson });
      session.replace(verifyAddPasskey.session);
      onCodes(verifyAddPasskey.recoveryCodes);
    } catch (thrown) {
      setError(refusal(thrown));
    }
  }

  return (
    <Gate title="Set up a second factor">
      <p>Operators need one. You have none yet.</p>
      {enrolment && <App session={session} enrolment={enrolment} onCodes={onCodes} />}
      <Refused error={error} />
      {error?.code === "DISABLED_ENDPOINT" && (
        <>
          <p>
            Switch authenticator apps on where this server gets its settings from, or with its
            command line. Then sign in again.
          </p>
          <pre tabIndex={0} aria-label="Command">
            postern settings set AUTH_MFA_ENABLED true
          </pre>
        </>
      )}
      <div className="acts">
        {HAS_PASSKEYS && (
          <button type="button" onClick={() => void addPasskey()}>
            Use a passkey instead
          </button>
        )}
        <button type="button" className="quiet" onClick={onSignOut}>
          Sign out
        </button>
      </div>
    </Gate>
  );
}

function App({
  session,
  enrolment,
  onCodes,
}: {
  session: OperatorSession;
  enrolment: BeginEnrolmentMutation["changeUserMfa"];
  onCodes: (codes: string[]) => void;
}) {
  const [code, setCode] = useState("");
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<ApiError>();

  async function submit(event: FormEvent) {
    event.preventDefault();
    setBusy(true);
    setError(undefined);
    try {
      const { verifyChangeUserMfa: change } = await session.ask(FinishEnrolmentDocument, { code });
      session.replace(change.session);
      onCodes(change.recoveryCodes);
    } catch (thrown) {
      setError(refusal(thrown));
      setBusy(false);
    }
  }

  return (
    <form onSubmit={(event) => void submit(event)}>
      <p>Scan this code with an authenticator app, then type the six digits that it shows.</p>
      <img className="qr" src={enrolment.imageUrl} alt="QR code of the secret" />
      <p className="hint">
        Or type the secret: <code className="stranger">{enrolment.totpSecret}</code>
      </p>
      <Field
        label="Code"
        inputMode="numeric"
        autoComplete="one-time-code"
        required
        value={code}
        onChange={(event) => setCode(event.target.value)}
      />
      <Refused error={error} />
      <div className="acts">
        <button type="submit" className="primary" disabled={busy}>
          Turn on
        </button>
      </div>
    </form>
  );
}

function RecoveryCodes({ codes, onKept }: { codes: string[]; onKept: () => void }) {
  const [said, setSaid] = useState("");
  const text = `${codes.join("\n")}\n`;
  const download = () => {
    const link = document.createElement("a");
    link.href = URL.createObjectURL(new Blob([text], { type: "text/plain" }));
    link.download = "postern-recovery-codes.txt";
    link.click();
    URL.revokeObjectURL(link.href);
    setSaid("Downloaded.");
  };
  const copy = () => {
    navigator.clipboard.writeText(text).then(
      () => setSaid("Copied."),
      () => setSaid("The browser does not allow copying here. Select the codes instead."),
    );
  };
  return (
    <Gate title="Keep your recovery codes">
      <p>They are shown once. Each of them works once, in place of a code from your app.</p>
      <ul className="codes">
        {codes.map((code) => (
          <li key={code}>
            <code>{code}</code>
          </li>
        ))}
      </ul>
      <div className="acts">
        <button type="button" onClick={copy}>
          Copy
        </button>
        <button type="button" onClick={download}>
          Download
        </button>
        <span role="status">{said}</span>
      </div>
      <div className="acts">
        <button type="button" className="primary" onClick={onKept}>
          I have kept them
        </button>
      </div>
    </Gate>
  );
}
