// Asks for a second factor: at sign-in, after enrolment, and before an operation that needs it anew.
import { type FormEvent, useState } from "react";
import { type ApiError, refusal } from "./api";
import type { FactorType } from "./generated/public";
import { HAS_PASSKEYS } from "./passkeys";
import { Field } from "./fields";
import { Refused } from "./ui";

const TABS: Record<FactorType, string> = {
  TOTP: "App",
  PASSKEY: "Passkey",
  RECOVERY_CODE: "Recovery code",
};

export interface Answers {
  code: (code: string) => Promise<void>;
  recoveryCode: (code: string) => Promise<void>;
  passkey: () => Promise<void>;
}

/** A form for one of the factors that the user has, with a choice if there are several. */
export function FactorForm({
  factors,
  answers,
  verb,
}: {
  factors: readonly FactorType[];
  answers: Answers;
  verb: string;
}) {
  const usable = factors.filter((factor) => factor !== "PASSKEY" || HAS_PASSKEYS);
  const [chosen, setChosen] = useState<FactorType>(usable[0] ?? "TOTP");
  const [code, setCode] = useState("");
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<ApiError>();

  async function submit(event: FormEvent) {
    event.preventDefault();
    if (busy) return;
    setBusy(true);
    setError(undefined);
    try {
      if (chosen === "PASSKEY") await answers.passkey();
      else await (chosen === "TOTP" ? answers.code(code) : answers.recoveryCode(code));
    } catch (thrown) {
      setError(refusal(thrown));
      setCode("");
    }
    setBusy(false);
  }

  return (
    <form onSubmit={(event) => void submit(event)}>
      {usable.length > 1 && (
        <fieldset className="tabs">
          <legend className="unseen">Which factor</legend>
          {usable.map((factor) => (
            <label key={factor}>
              <input
                type="radio"
                name="factor"
                checked={factor === chosen}
                onChange={() => {
                  setChosen(factor);
                  setCode("");
                  setError(undefined);
                }}
              />
              <span>{TABS[factor]}</span>
            </label>
          ))}
        </fieldset>
      )}
      {chosen === "TOTP" && (
        <Field
          key="code"
          label="Code"
          hint="The six digits in your authenticator app. Each code works once."
          inputMode="numeric"
          autoComplete="one-time-code"
          required
          data-first
          autoFocus
          value={code}
          onChange={(event) => setCode(event.target.value)}
        />
      )}
      {chosen === "RECOVERY_CODE" && (
        <Field
          key="recovery"
          label="Recovery code"
          hint="One of the codes you kept. It is used up by this."
          required
          data-first
          autoFocus
          value={code}
          onChange={(event) => setCode(event.target.value)}
        />
      )}
      {chosen === "PASSKEY" && <p>Your browser asks for your passkey.</p>}
      <Refused error={error} />
      <div className="acts">
        <button type="submit" className="primary" aria-disabled={busy}>
          {busy ? "Checking…" : chosen === "PASSKEY" ? "Use a passkey" : verb}
        </button>
      </div>
    </form>
  );
}
