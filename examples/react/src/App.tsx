import { useCallback, useEffect, useState } from "react";
import { Account } from "./Account";
import * as api from "./api";
import { ByMail, KINDS } from "./ByMail";
import { AnyCodeField, EmailField, Field, Form, NewPasswordField, told, type Values } from "./Form";
import { isRefused, onSessionEnd } from "./session";

export type Step =
  | { at: "sign-in"; email?: string; problem?: string }
  | { at: "sign-up" }
  | { at: "mail"; kind: keyof typeof KINDS; typed?: string; sentTo?: string }
  | { at: "code"; ticket: string }
  | { at: "account" };

const TITLES = {
  "sign-in": "Sign in",
  "sign-up": "Sign up",
  code: "One more step",
  account: "Your account",
};

export function App({ start }: { start: Step }) {
  const [step, setStep] = useState<Step>(start);
  useEffect(() => {
    document.title = step.at === "mail" ? KINDS[step.kind].title : TITLES[step.at];
  }, [step]);
  useEffect(() => onSessionEnd((error) => setStep({ at: "sign-in", problem: told(error) })), []);
  const signedOut = useCallback(() => setStep({ at: "sign-in" }), []);
  const signedIn = (ticket: string | null) =>
    setStep(ticket === null ? { at: "account" } : { at: "code", ticket });

  const byMail =
    (kind: keyof typeof KINDS) =>
    ({ email }: Values) =>
      setStep({ at: "mail", kind, typed: email });

  /** If the operator requires a verified address, a mail was sent at the sign-up. */
  async function orVerify(email: string, admission: Promise<string | null>): Promise<void> {
    try {
      signedIn(await admission);
    } catch (error) {
      if (!isRefused(error, "UNVERIFIED_USER")) throw error;
      setStep({ at: "mail", kind: "verify", sentTo: email });
    }
  }

  switch (step.at) {
    case "sign-in":
      return (
        <Form
          key="sign-in"
          title={TITLES[step.at]}
          action="Sign in"
          problem={step.problem}
          submit={({ email = "", password = "" }) => orVerify(email, api.signIn(email, password))}
          others={{
            "Forgot your password?": byMail("reset"),
            "Sign in with a code by mail": byMail("code"),
            "Sign in with a link by mail": byMail("link"),
            "No account yet? Sign up": () => setStep({ at: "sign-up" }),
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
          others={{ "Have an account? Sign in": () => setStep({ at: "sign-in" }) }}
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
      return (
        <Form
          key="code"
          title={TITLES[step.at]}
          action="Go on"
          submit={async ({ from, code = "" }) => {
            try {
              await api.verify(from as api.CodeFrom, step.ticket, code);
            } catch (error) {
              if (!endsTicket(error)) throw error;
              return setStep({ at: "sign-in", problem: told(error) });
            }
            setStep({ at: "account" });
          }}
          others={{ "Start over": () => setStep({ at: "sign-in" }) }}
        >
          <AnyCodeField />
        </Form>
      );
    case "account":
      return <Account signedOut={signedOut} />;
  }
}

/** Whether the ticket has expired, was redeemed, or has no attempts left. */
const endsTicket = (error: unknown) =>
  isRefused(error, "INVALID_TICKET") ||
  (isRefused(error, "INVALID_TOTP", "INVALID_RECOVERY_CODE") && error.details.attemptsLeft === 0);
