import { useEffect, useState } from "react";
import * as api from "./api";
import { Account } from "./Account";
import { Field, Form } from "./Form";

type Step = { at: "sign-in" } | { at: "sign-up" } | { at: "code" | "recovery"; ticket: string } | { at: "account" };

export function App() {
  const [step, setStep] = useState<Step>({ at: "sign-in" });
  useEffect(() => {
    document.title = TITLES[step.at];
    document.querySelector<HTMLElement>("main input")?.focus();
  }, [step]);

  switch (step.at) {
    case "sign-in":
      return (
        <Form
          key="sign-in"
          title="Sign in"
          action="Sign in"
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
          title="Sign up"
          action="Make an account"
          submit={async ({ email = "", password = "" }) => {
            await api.signUp(email, password);
            setStep({ at: "account" });
          }}
          others={{ "Have an account? Sign in": () => setStep({ at: "sign-in" }) }}
        >
          <Field name="email" label="E-mail" type="email" autoComplete="username" />
          <Field
            name="password"
            label="Password"
            type="password"
            autoComplete="new-password"
            hint="At least 8 characters. A few words in a row are good."
          />
        </Form>
      );
    case "code":
    case "recovery":
      return (
        <Form
          key={step.at}
          title="One more step"
          action="Go on"
          submit={async ({ code = "" }) => {
            await api.verify(step.at, step.ticket, code);
            setStep({ at: "account" });
          }}
          refused={(error) => error.code === "INVALID_TICKET" && setStep({ at: "sign-in" })}
          others={
            step.at === "code"
              ? { "Use a recovery code": () => setStep({ ...step, at: "recovery" }) }
              : { "Use the authenticator app": () => setStep({ ...step, at: "code" }) }
          }
        >
          {step.at === "code" ? (
            <CodeField hint="The six digits that your authenticator app shows now." />
          ) : (
            <Field
              name="code"
              label="Recovery code"
              autoComplete="off"
              autoCapitalize="characters"
              spellCheck={false}
              hint="One of those that you kept when you turned the second factor on."
            />
          )}
        </Form>
      );
    case "account":
      return <Account signedOut={() => setStep({ at: "sign-in" })} />;
  }
}

const TITLES = {
  "sign-in": "Sign in",
  "sign-up": "Sign up",
  code: "One more step",
  recovery: "One more step",
  account: "Your account",
};

export function CodeField({ hint }: { hint: string }) {
  // No maxLength: it would cut "123 456" when it is pasted.
  return (
    <Field
      name="code"
      label="Code"
      type="text"
      inputMode="numeric"
      autoComplete="one-time-code"
      spellCheck={false}
      className="code"
      hint={hint}
    />
  );
}
