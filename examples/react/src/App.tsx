import { useCallback, useEffect, useState } from "react";
import { Account } from "./Account";
import * as api from "./api";
import { AnyCodeField, Field, Form, NewPasswordField, told } from "./Form";
import { isRefused, onSessionEnd } from "./session";

type Step =
  | { at: "sign-in"; problem?: string }
  | { at: "sign-up" }
  | { at: "code"; ticket: string }
  | { at: "account" };

const TITLES = {
  "sign-in": "Sign in",
  "sign-up": "Sign up",
  code: "One more step",
  account: "Your account",
};

export function App() {
  const [step, setStep] = useState<Step>({ at: "sign-in" });
  useEffect(() => {
    document.title = TITLES[step.at];
  }, [step]);
  useEffect(() => onSessionEnd((error) => setStep({ at: "sign-in", problem: told(error) })), []);
  const signedOut = useCallback(() => setStep({ at: "sign-in" }), []);

  switch (step.at) {
    case "sign-in":
      return (
        <Form
          key="sign-in"
          title={TITLES[step.at]}
          action="Sign in"
          problem={step.problem}
          submit={async ({ email = "", password = "" }) => {
            const ticket = await api.signIn(email, password);
            setStep(ticket === null ? { at: "account" } : { at: "code", ticket });
          }}
          others={{ "No account yet? Sign up": () => setStep({ at: "sign-up" }) }}
        >
          <Field name="email" label="E-mail" type="email" autoComplete="username" />
          <Field name="password" label="Password" type="password" autoComplete="current-password" />
        </Form>
      );
    case "sign-up":
      return (
        <Form
          key="sign-up"
          title={TITLES[step.at]}
          action="Make an account"
          submit={async ({ email = "", password = "" }) => {
            await api.signUp(email, password);
            setStep({ at: "account" });
          }}
          others={{ "Have an account? Sign in": () => setStep({ at: "sign-in" }) }}
        >
          <Field name="email" label="E-mail" type="email" autoComplete="username" />
          <NewPasswordField name="password" label="Password" />
        </Form>
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
