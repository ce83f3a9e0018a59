import { useState } from "react";
import * as api from "./api";
import { CodeField, EmailField, Form } from "./Form";

interface Kind {
  title: string;
  action: string;
  send: (email: string) => Promise<unknown>;
  /** The same for every address: nobody learns who has an account. */
  sent: (email: string) => string;
}

export const KINDS = {
  reset: {
    title: "Set a new password",
    action: "Send me a link",
    send: api.sendResetLink,
    sent: (email) => `If ${email} has an account, we have sent a link there. It is good for an hour.`,
  },
  code: {
    title: "Sign in with a code",
    action: "Send me a code",
    send: api.sendSignInCode,
    sent: (email) => `We have sent a code to ${email}. It is good for ten minutes.`,
  },
  link: {
    title: "Sign in with a link",
    action: "Send me a link",
    send: api.sendSignInLink,
    sent: (email) => `We have sent a link to ${email}. It is good for an hour.`,
  },
  verify: {
    title: "Verify your e-mail address",
    action: "Send me a link",
    send: api.sendVerificationLink,
    sent: (email) => `We have sent a link to ${email}. Please follow it, then sign in.`,
  },
} satisfies Record<string, Kind>;

interface Props {
  kind: keyof typeof KINDS;
  /** What was typed on an earlier page. */
  typed?: string;
  /** Where the mail was sent already. */
  sentTo?: string;
  /** A code was right; there is a ticket if the second factor is needed. */
  signedIn: (ticket: api.Ticket | null) => void;
  back: (email: string) => void;
}

/** Ask for the address, send a mail there, and say so; for a code, ask for it. */
export function ByMail({ kind, typed, sentTo = "", signedIn, back }: Props) {
  const { title, action, send, sent } = KINDS[kind];
  const [to, setTo] = useState(sentTo);
  const [again, setAgain] = useState(false);

  if (!to)
    return (
      <Form
        key="address"
        title={title}
        action={action}
        submit={async ({ email = "" }) => {
          await send(email);
          setTo(email);
        }}
        others={{ "Back to sign in": ({ email = "" }) => back(email) }}
      >
        <EmailField typed={typed} />
      </Form>
    );

  const told = <p role="status">{again ? `Sent again. ${sent(to)}` : sent(to)}</p>;
  const sendAgain = async () => {
    setAgain(false);
    await send(to);
    setAgain(true);
  };
  if (kind === "code")
    return (
      <Form
        key="code"
        title={title}
        action="Sign in"
        submit={async ({ code = "" }) => signedIn(await api.signInWithCode(to, code))}
        others={{ "Send another code": sendAgain, "Back to sign in": () => back(to) }}
      >
        {told}
        <CodeField hint="The six digits in the mail." />
      </Form>
    );
  return (
    <Form
      key="sent"
      readFirst
      title={title}
      action="Back to sign in"
      submit={async () => back(to)}
      others={{ "Send it again": sendAgain }}
    >
      {told}
    </Form>
  );
}
