// An operator without a second factor sets one up in place: after signing in, or with the ticket of a
// sign-in for which the server requires one.
import { type FormEvent, useEffect, useMemo, useState } from "react";
import { type ApiError, PUBLIC, refusal, send } from "./api";
import {
  AddPasskeyByTicketDocument,
  AddPasskeyDocument,
  BeginEnrolmentByTicketDocument,
  BeginEnrolmentDocument,
  type BeginEnrolmentMutation,
  FinishEnrolmentByTicketDocument,
  FinishEnrolmentDocument,
  type SessionPartsFragment,
  StartAddPasskeyByTicketDocument,
  StartAddPasskeyDocument,
} from "./generated/public";
import { makePasskey, useHasPasskeys } from "./passkeys";
import type { OperatorSession } from "./session";
import { Gate } from "./gate";
import { Field } from "./fields";
import { Refused } from "./ui";

interface Props {
  session: OperatorSession;
  onDone: () => void;
  onSignOut: () => void;
}

type Secret = BeginEnrolmentMutation["changeUserMfa"];

/** How a factor is set up. Each function throws ApiError. */
interface Enrolling {
  begin: () => Promise<Secret>;
  finish: (code: string) => Promise<string[]>;
  addPasskey: () => Promise<string[]>;
}

/** Set a factor up with a ticket; the session is opened by that. */
export function EnrolByTicket({
  ticket,
  onOpened,
  onBack,
}: {
  ticket: string;
  onOpened: (session: SessionPartsFragment) => void;
  onBack: () => void;
}) {
  const [enrolled, setEnrolled] = useState<{ codes: string[]; session: SessionPartsFragment }>();
  const enrolling = useMemo(
    () => byTicket(ticket, (codes, session) => setEnrolled({ codes, session })),
    [ticket],
  );
  if (enrolled)
    return <RecoveryCodes codes={enrolled.codes} onKept={() => onOpened(enrolled.session)} />;
  return (
    <SetUp
      enrolling={enrolling}
      about="Your account needs one, and has none yet."
      onCodes={() => undefined}
      back="Back"
      onBack={onBack}
    />
  );
}

function byTicket(
  ticket: string,
  onEnrolled: (codes: string[], session: SessionPartsFragment) => void,
): Enrolling {
  return {
    begin: async () =>
      (await send(PUBLIC, BeginEnrolmentByTicketDocument, { ticket })).enrolMfaTotp,
    finish: async (code) => {
      const sent = await send(PUBLIC, FinishEnrolmentByTicketDocument, { ticket, code });
      onEnrolled(sent.activateMfaTotp.recoveryCodes, sent.activateMfaTotp.session);
      return sent.activateMfaTotp.recoveryCodes;
    },
    addPasskey: async () => {
      const begun = await send(PUBLIC, StartAddPasskeyByTicketDocument, { ticket });
      const credentialJson = await makePasskey(begun.enrolMfaPasskey.optionsJson);
      const sent = await send(PUBLIC, AddPasskeyByTicketDocument, { ticket, credentialJson });
      onEnrolled(sent.activateMfaPasskey.recoveryCodes, sent.activateMfaPasskey.session);
      return sent.activateMfaPasskey.recoveryCodes;
    },
  };
}

function bySession(session: OperatorSession): Enrolling {
  return {
    begin: async () => (await session.ask(BeginEnrolmentDocument, {})).changeUserMfa,
    finish: async (code) => {
      const { verifyChangeUserMfa: change } = await session.ask(FinishEnrolmentDocument, { code });
      session.replace(change.session);
      return change.recoveryCodes;
    },
    addPasskey: async () => {
      const { addPasskey } = await session.ask(StartAddPasskeyDocument, {});
      const credentialJson = await makePasskey(addPasskey.optionsJson);
      const { verifyAddPasskey } = await session.ask(AddPasskeyDocument, { credentialJson });
      session.replace(verifyAddPasskey.session);
      return verifyAddPasskey.recoveryCodes;
    },
  };
}

export function Enrol({ session, onDone, onSignOut }: Props) {
  const [codes, setCodes] = useState<string[]>();
  const enrolling = useMemo(() => bySession(session), [session]);
  if (!codes)
    return (
      <SetUp
        enrolling={enrolling}
        about="Operators need one. You have none yet."
        onCodes={setCodes}
        back="Sign out"
        onBack={onSignOut}
      />
    );
  return <RecoveryCodes codes={codes} onKept={onDone} />;
}

function SetUp({
  enrolling,
  onCodes,
  about,
  back,
  onBack,
}: {
  enrolling: Enrolling;
  about: string;
  onCodes: (codes: string[]) => void;
  back: string;
  onBack: () => void;
}) {
  const [secret, setSecret] = useState<Secret>();
  const hasPasskeys = useHasPasskeys();
  const [error, setError] = useState<ApiError>();
  useEffect(() => {
    enrolling.begin().then(setSecret, (thrown: unknown) => setError(refusal(thrown)));
  }, [enrolling]);

  async function addPasskey() {
    setError(undefined);
    try {
      onCodes(await enrolling.addPasskey());
    } catch (thrown) {
      setError(refusal(thrown));
    }
  }

  return (
    <Gate title="Set up a second factor">
      <p>{about}</p>
      {secret && <App enrolling={enrolling} secret={secret} onCodes={onCodes} />}
      <Refused error={error} />
      <div className="acts">
        {hasPasskeys && (
          <button type="button" onClick={() => void addPasskey()}>
            Use a passkey instead
          </button>
        )}
        <button type="button" className="quiet" onClick={onBack}>
          {back}
        </button>
      </div>
    </Gate>
  );
}

function App({
  enrolling,
  secret,
  onCodes,
}: {
  enrolling: Enrolling;
  secret: Secret;
  onCodes: (codes: string[]) => void;
}) {
  const [code, setCode] = useState("");
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<ApiError>();

  async function submit(event: FormEvent) {
    event.preventDefault();
    if (busy) return;
    setBusy(true);
    setError(undefined);
    try {
      onCodes(await enrolling.finish(code));
    } catch (thrown) {
      setError(refusal(thrown));
      setBusy(false);
    }
  }

  return (
    <form onSubmit={(event) => void submit(event)}>
      <p>Scan this code with an authenticator app, then type the six digits that it shows.</p>
      <img className="qr" src={secret.imageUrl} alt="QR code of the secret" />
      <p className="hint">
        Or type the secret: <code className="stranger">{secret.totpSecret}</code>
      </p>
      <Field
        label="Code"
        autoFocus
        inputMode="numeric"
        autoComplete="one-time-code"
        required
        value={code}
        onChange={(event) => setCode(event.target.value)}
      />
      <Refused error={error} />
      <div className="acts">
        <button type="submit" className="primary" aria-disabled={busy}>
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
