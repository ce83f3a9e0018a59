// From nobody to somebody: e-mail and password, then the second factor; or a passkey alone.
import { type FormEvent, useState } from "react";
import { type ApiError, PUBLIC, refusal, send } from "./api";
import { EnrolByTicket } from "./enrol";
import { type Answers, FactorForm } from "./factor";
import { Gate } from "./gate";
import {
  type FactorType,
  RedeemWithCodeDocument,
  RedeemWithPasskeyDocument,
  RedeemWithRecoveryCodeDocument,
  type SessionPartsFragment,
  SignInDocument,
  SignInWithPasskeyDocument,
  StartPasskeyDocument,
  StartRedeemWithPasskeyDocument,
} from "./generated/public";
import { useHasPasskeys, usePasskey } from "./passkeys";
import { Field } from "./fields";
import { Refused } from "./ui";

interface Ticket {
  ticket: string;
  factors: FactorType[];
  /** What the user has to set up, who has no second factor. */
  enrolment: FactorType[] | null;
}

type Opened = (session: SessionPartsFragment) => void;

export function SignIn({ why, onOpened }: { why: string; onOpened: Opened }) {
  const [ticket, setTicket] = useState<Ticket>();
  const [ended, setEnded] = useState<ApiError>();
  if (ticket?.enrolment) {
    const back = () => setTicket(undefined);
    return <EnrolByTicket ticket={ticket.ticket} onOpened={onOpened} onBack={back} />;
  }
  if (ticket) {
    return (
      <Gate title="Second factor">
        <FactorForm
          factors={ticket.factors}
          verb="Sign in"
          answers={redemption(ticket.ticket, onOpened, (error) => {
            setTicket(undefined);
            setEnded(error);
          })}
        />
        <div className="acts">
          <button type="button" className="quiet" onClick={() => setTicket(undefined)}>
            Back
          </button>
        </div>
      </Gate>
    );
  }
  return (
    <Gate title="Sign in">
      {why && <p className="notice">{why}</p>}
      <Refused error={ended} />
      <PasswordForm onTicket={setTicket} onOpened={onOpened} />
      <PasskeyAlone onOpened={onOpened} />
      <p className="faint">
        Reloading the page signs you out: it keeps your session in memory only.
      </p>
    </Gate>
  );
}

function redemption(ticket: string, onOpened: Opened, onEnd: (error: ApiError) => void): Answers {
  const orBack = async (attempt: () => Promise<SessionPartsFragment>) => {
    try {
      onOpened(await attempt());
    } catch (error) {
      const refused = refusal(error);
      if (refused.code !== "INVALID_TICKET" && refused.extensions.attemptsLeft !== 0) throw error;
      onEnd(refused);
    }
  };
  return {
    code: (code) =>
      orBack(async () => {
        const sent = await send(PUBLIC, RedeemWithCodeDocument, { ticket, code });
        return sent.verifySignInMfaTotp;
      }),
    recoveryCode: (code) =>
      orBack(async () => {
        const sent = await send(PUBLIC, RedeemWithRecoveryCodeDocument, { ticket, code });
        return sent.verifySignInMfaRecoveryCode;
      }),
    passkey: () =>
      orBack(async () => {
        const started = await send(PUBLIC, StartRedeemWithPasskeyDocument, { ticket });
        const credentialJson = await usePasskey(started.startSignInMfaPasskey.optionsJson);
        const sent = await send(PUBLIC, RedeemWithPasskeyDocument, { ticket, credentialJson });
        return sent.verifySignInMfaPasskey;
      }),
  };
}

function PasswordForm({
  onTicket,
  onOpened,
}: {
  onTicket: (ticket: Ticket) => void;
  onOpened: Opened;
}) {
  const [email, setEmail] = useState("");
  const [password, setPassword] = useState("");
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<ApiError>();

  async function submit(event: FormEvent) {
    event.preventDefault();
    if (busy) return;
    setBusy(true);
    setError(undefined);
    try {
      const { signInEmailPassword: result } = await send(PUBLIC, SignInDocument, {
        email,
        password,
      });
      if (result.__typename === "MfaTicket") onTicket(result);
      else onOpened(result);
    } catch (thrown) {
      setError(refusal(thrown));
      setBusy(false);
    }
  }

  return (
    <form onSubmit={(event) => void submit(event)}>
      <Field
        label="E-mail address"
        type="email"
        autoComplete="username"
        required
        autoFocus
        value={email}
        onChange={(event) => setEmail(event.target.value)}
      />
      <Field
        label="Password"
        type="password"
        autoComplete="current-password"
        required
        value={password}
        onChange={(event) => setPassword(event.target.value)}
      />
      <Refused error={error} />
      <div className="acts">
        <button type="submit" className="primary" aria-disabled={busy}>
          {busy ? "Signing in…" : "Sign in"}
        </button>
      </div>
    </form>
  );
}

/** A passkey is both factors. Shown only where the server has passkeys. */
function PasskeyAlone({ onOpened }: { onOpened: Opened }) {
  const available = useHasPasskeys();
  const [error, setError] = useState<ApiError>();

  async function signIn() {
    setError(undefined);
    try {
      const { startSignInPasskey } = await send(PUBLIC, StartPasskeyDocument, {});
      const credentialJson = await usePasskey(startSignInPasskey.optionsJson);
      const sent = await send(PUBLIC, SignInWithPasskeyDocument, { credentialJson });
      onOpened(sent.verifySignInPasskey);
    } catch (thrown) {
      setError(refusal(thrown));
    }
  }

  if (!available) return null;
  return (
    <div className="or">
      <button type="button" onClick={() => void signIn()}>
        Sign in with a passkey
      </button>
      <Refused error={error} />
    </div>
  );
}
