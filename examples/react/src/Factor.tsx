import { useEffect, useRef, useState } from "react";
import type { PartProps } from "./Account";
import * as api from "./api";
import { confirmedByCode } from "./Confirm";
import { CopyButton } from "./CopyButton";
import { AnyCodeField, CodeField, Form, Problem, useCall, type Values } from "./Form";
import { RecoveryCodes } from "./RecoveryCodes";
import { isRefused } from "./session";

type Step =
  | { at: "start" | "turn-off" | "new-codes" }
  | { at: "enrol"; enrolment: api.Enrolment }
  | { at: "codes"; codes: string[] };

/** Errors that mean that the page is outdated, or that the enrolment is too old. */
const OUTDATED = ["TOTP_ALREADY_ACTIVE", "DISABLED_MFA_TOTP", "NO_TOTP_SECRET"];

const enrol = async (): Promise<Step> => ({ at: "enrol", enrolment: await api.enrol() });
/** A user with a passkey has recovery codes already, and gets none. */
async function turnOn(code: string): Promise<Step> {
  const codes = await api.changeFactor("totp", code);
  return codes.length ? { at: "codes", codes } : { at: "start" };
}
const replaceCodes = async (code?: string): Promise<Step> => ({
  at: "codes",
  codes: await api.newRecoveryCodes(code),
});
async function turnOff(code: string): Promise<Step> {
  await api.changeFactor("", code);
  return { at: "start" };
}

/** The second factor: set up, turn off, replace the recovery codes. */
export function Factor({ user, reload, confirmed }: PartProps) {
  const [step, setStep] = useState<Step | null>(null); // null until something is done here
  const { busy, problem, call, show } = useCall();
  const heading = useRef<HTMLHeadingElement>(null);
  useEffect(() => {
    if (step?.at === "start" || step?.at === "codes") heading.current?.focus();
  }, [step]);
  const start = () => setStep({ at: "start" });
  const at = step?.at ?? "start";

  /** Go to the step that a call returns. If another device has changed the factor, start again. */
  async function go(next: Promise<Step>): Promise<void> {
    try {
      setStep(await next);
    } catch (error) {
      if (!isRefused(error, ...OUTDATED)) throw error;
      start();
      show(error);
    }
    await reload();
  }

  return (
    <section aria-labelledby="factor">
      <h2 id="factor" ref={heading} tabIndex={-1}>
        Second factor
      </h2>
      {at === "start" && !user.activeMfaType && (
        <>
          {user.factors.length ? (
            <p>
              On: your passkeys. Recovery codes left: <strong>{user.recoveryCodesLeft}</strong>.
              {user.recoveryCodesLeft === 0 && " Make some now, for the day you lose your device."}
            </p>
          ) : (
            <p>Off. With it, a password alone is not enough to sign in.</p>
          )}
          <button type="button" disabled={busy} onClick={() => void call(() => go(confirmed(enrol)))}>
            {user.factors.length ? "Set up an authenticator app" : "Set it up"}
          </button>
          {user.factors.length > 0 && (
            <button
              type="button"
              className="quiet"
              disabled={busy}
              onClick={() => void call(() => go(confirmed(() => replaceCodes())))}
            >
              Make new recovery codes
            </button>
          )}
        </>
      )}
      {at === "start" && user.activeMfaType && (
        <>
          <p>
            On. Recovery codes left: <strong>{user.recoveryCodesLeft}</strong>.
          </p>
          <p className="hint">
            Lost your phone? Turn the app off with a recovery code, then set it up on another one.
          </p>
          <button type="button" className="quiet" onClick={() => setStep({ at: "new-codes" })}>
            Make new recovery codes
          </button>
          <button type="button" className="quiet" onClick={() => setStep({ at: "turn-off" })}>
            Turn it off
          </button>
        </>
      )}
      <Problem text={problem} />
      {step?.at === "enrol" && (
        <Enrol
          enrolment={step.enrolment}
          submit={({ code = "" }) => go(confirmed(() => turnOn(code)))}
          others={{ "Not now": start }}
        />
      )}
      {at === "turn-off" && (
        <Form
          level="h2"
          title="Turn the second factor off"
          action="Turn it off"
          submit={({ code = "" }) => go(confirmedByCode(turnOff, code))}
          others={{ "Keep it": start }}
        >
          <AnyCodeField />
        </Form>
      )}
      {at === "new-codes" && (
        <Form
          level="h2"
          title="Make new recovery codes"
          action="Make them"
          submit={({ code = "" }) => go(confirmedByCode(replaceCodes, code))}
          others={{ "Keep the old ones": start }}
        >
          <p>The old ones stop working.</p>
          <CodeField />
        </Form>
      )}
      {step?.at === "codes" && (
        <RecoveryCodes codes={step.codes} done={start}>
          The second factor is on.
        </RecoveryCodes>
      )}
    </section>
  );
}

interface EnrolProps {
  level?: "h1" | "h2";
  enrolment: api.Enrolment;
  submit: (values: Values) => Promise<void>;
  others: Record<string, () => void>;
}

/** The secret of an authenticator app, and a field for its first code. */
export function Enrol({ level = "h2", enrolment, submit, others }: EnrolProps) {
  const { imageUrl, totpSecret, otpauthUrl } = enrolment;
  return (
    <Form
      level={level}
      readFirst
      title="Scan this with your authenticator app"
      action="Turn it on"
      submit={submit}
      others={others}
    >
      <img className="qr" src={imageUrl} alt="QR code for your authenticator app" />
      <a className="button on-phones" href={otpauthUrl}>
        Open the app on this phone
      </a>
      <p className="hint">
        Or type this into it: <code>{totpSecret}</code>
      </p>
      <CopyButton text={totpSecret} label="Copy the secret" />
      <CodeField />
    </Form>
  );
}
