import { useCallback, useEffect, useState } from "react";
import { Account } from "./Account";
import * as api from "./api";
import { ByMail, KINDS } from "./ByMail";
import { AnyCodeField, EmailField, Field, Form, NewPasswordField, told, type Values } from "./Form";
import * as passkeys from "./passkeys";
import { RecoveryCodes } from "./RecoveryCodes";
import { Required } from "./Required";
import { isRefused, onSessionEnd } from "./session";

export type Step =
  | { at: "sign-in"; email?: string; problem?: string }
  | { at: "sign-up" }
  | { at: "mail"; kind: keyof typeof KINDS; typed?: string; sentTo?: string }
  | { at: "code"; ticket: api.Ticket; typed?: boolean }
  | { at: "enrol"; ticket: api.Ticket }
  | { at: "codes"; codes: string[]; isNew?: boolean }
  | { at: "account" };

const TITLES = {
  "sign-in": "Sign in",
  "sign-up": "Sign up",
  code: "One more step",
  enrol: "Set up a second factor",
  codes: "Your recovery codes",
  account: "Your account",
};

export function App({ start }: { start: Step }) {
  const [step, setStep] = useState<Step>(start);
  useEffect(() => {
    document.title = step.at === "mail" ? KINDS[step.kind].title : TITLES[step.at];
  }, [step]);
  useEffect(() => onSessionEnd((error) => setStep({ at: "sign-in", problem: told(error) })), []);
  const signedOut = useCallback(() => setStep({ at: "sign-in" }), []);
  const signedIn = (ticket: api.Ticket | null) =>
    setStep(
      ticket === null ? { at: "account" } : { at: ticket.enrolment ? "enrol" : "code", ticket },
    );

  const autofill = useAutofill(step.at === "sign-in", setStep);

  const byMail =
    (kind: keyof typeof KINDS) =>
    ({ email }: Values) =>
      setStep({ at: "mail", kind, typed: email });

  /** If the operator requires a verified address, a mail was sent at the sign-up. */
  async function orVerify(email: string, admission: Promise<api.Ticket | null>): Promise<void> {
    try {
      signedIn(await admission);
    } catch (error) {
      if (!isRefused(error, "UNVERIFIED_USER")) throw error;
      setStep({ at: "mail", kind: "verify", sentTo: email });
    }
  }

  async function signUpWithPasskey(email: string): Promise<void> {
    try {
      setStep({ at: "codes", codes: await passkeys.signUp(email), isNew: true });
    } catch (error) {
      if (!isRefused(error, "UNVERIFIED_USER")) throw error;
      setStep({ at: "mail", kind: "verify", sentTo: email });
    }
  }

  /** Go on after the ticket is redeemed; if it is over, begin with the first step again. */
  async function orStartOver<T>(
    redeemed: Promise<T>,
    then: (result: T) => void = () => signedIn(null),
  ): Promise<void> {
    try {
      then(await redeemed);
    } catch (error) {
      if (!endsTicket(error)) throw error;
      setStep({ at: "sign-in", problem: told(error) });
    }
  }

  switch (step.at) {
    case "sign-in":
      return (
        <Form
          key={`sign-in ${step.problem}`}
          title={TITLES[step.at]}
          action="Sign in"
          problem={step.problem}
          submit={({ email = "", password = "" }) => orVerify(email, api.signIn(email, password))}
          others={{
            "Forgot your password?": byMail("reset"),
            "Sign in with a code by mail": byMail("code"),
            "Sign in with a link by mail": byMail("link"),
            "No account yet? Sign up": () => setStep({ at: "sign-up" }),
            // Last, so that nothing moves when the server says whether it has them.
            ...(autofill.offered && {
              "Sign in with a passkey": async () => {
                try {
                  await passkeys.signIn();
                } catch (error) {
                  autofill.restart(); // the dialog has ended it
                  throw error;
                }
                signedIn(null);
              },
            }),
          }}
        >
          <EmailField typed={step.email} />
          <Field name="password" label="Password" type="password" autoComplete="current-password" />
        </Form>
      );
    case "sign-up":
      return (
        <Form
          key="sign-up"
          title={TITLES[step.at]}
          action="Make an account"
          submit={({ email = "", password = "" }) => orVerify(email, api.signUp(email, password))}
          others={{
            ...(autofill.offered && {
              "Use a passkey, without a password": ({ email = "" }) => signUpWithPasskey(email),
            }),
            "Have an account? Sign in": () => setStep({ at: "sign-in" }),
          }}
        >
          <EmailField />
          <NewPasswordField name="password" label="Password" />
        </Form>
      );
    case "mail":
      return (
        <ByMail {...step} signedIn={signedIn} back={(email) => setStep({ at: "sign-in", email })} />
      );
    case "code":
      if (step.ticket.factors?.includes("PASSKEY") && passkeys.available && !step.typed)
        return (
          <Form
            key="passkey"
            readFirst
            title={TITLES[step.at]}
            action="Use a passkey"
            submit={() => orStartOver(passkeys.redeem(step.ticket.ticket))}
            others={{
              "Use a code instead": () => setStep({ ...step, typed: true }),
              "Start over": () => setStep({ at: "sign-in" }),
            }}
          >
            <p>Confirm with your passkey: your browser asks for it.</p>
          </Form>
        );
      return (
        <Form
          key="code"
          title={TITLES[step.at]}
          action="Go on"
          submit={({ from, code = "" }) =>
            orStartOver(api.verify(from as api.CodeFrom, step.ticket.ticket, code))
          }
          others={{
            ...(mayUsePasskey(step.ticket) && {
              "Use a passkey": () => orStartOver(passkeys.redeem(step.ticket.ticket)),
            }),
            "Start over": () => setStep({ at: "sign-in" }),
          }}
        >
          <AnyCodeField app={step.ticket.factors?.includes("TOTP")} />
        </Form>
      );
    case "enrol":
      return (
        <Required
          ticket={step.ticket}
          go={(codes) => orStartOver(codes, (codes) => setStep({ at: "codes", codes }))}
          startOver={() => setStep({ at: "sign-in" })}
        />
      );
    case "codes":
      return (
        <main className="card">
          <h1>{TITLES[step.at]}</h1>
          <RecoveryCodes codes={step.codes} done={() => setStep({ at: "account" })}>
            {step.isNew ? "Your account is made." : "The second factor is on."}
          </RecoveryCodes>
        </main>
      );
    case "account":
      return <Account signedOut={signedOut} />;
  }
}

const mayUsePasskey = ({ factors }: api.Ticket) =>
  passkeys.available && (factors?.includes("PASSKEY") ?? true);

/** Offer passkeys in the autofill while the form is shown, if the operator has switched them on. */
function useAutofill(shown: boolean, setStep: (step: Step) => void) {
  const [offered, setOffered] = useState(false);
  const [round, setRound] = useState(0);
  useEffect(() => {
    if (!shown || !passkeys.available) return;
    const stop = new AbortController();
    passkeys.signInFromAutofill(stop.signal, () => setOffered(true)).then(
      (signedIn) => signedIn && setStep({ at: "account" }),
      (error) => {
        const off = isRefused(error, "DISABLED_ENDPOINT");
        if (!off && !stop.signal.aborted) setStep({ at: "sign-in", problem: told(error) });
      },
    );
    return () => stop.abort();
  }, [shown, setStep, round]);
  return { offered, restart: () => setRound(round + 1) };
}

/** Whether the ticket has expired, was redeemed, or has no attempts left. */
const endsTicket = (error: unknown) =>
  isRefused(error, "INVALID_TICKET") ||
  (isRefused(error, "INVALID_TOTP", "INVALID_RECOVERY_CODE", "INVALID_PASSKEY") && error.details.attemptsLeft === 0);
