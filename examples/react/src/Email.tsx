import { useEffect, useRef, useState } from "react";
import type { PartProps } from "./Account";
import * as api from "./api";
import { Field, Form, Problem, useCall } from "./Form";

/** The e-mail address: whether it is verified, and changing it. */
export function Email({ user, reload, confirmed }: PartProps) {
  const [state, setState] = useState<"" | "changing" | "kept" | "asked" | "sent">("");
  const { busy, problem, call } = useCall();
  const heading = useRef<HTMLHeadingElement>(null);
  useEffect(() => {
    if (state === "kept" || state === "asked") heading.current?.focus();
  }, [state]);
  const sendLink = async () => {
    await api.sendVerificationLink(user.email);
    setState("sent");
  };
  const sent = state === "sent" && !user.emailVerified;

  return (
    <section aria-labelledby="email">
      <h2 id="email" ref={heading} tabIndex={-1}>
        E-mail address
      </h2>
      {state === "changing" ? (
        <Form
          level="h2"
          title="Change your e-mail address"
          action="Send a link there"
          submit={async ({ newEmail = "" }) => {
            await confirmed(() => api.changeEmail(newEmail));
            setState("asked");
            await reload();
          }}
          others={{ "Keep it": () => setState("kept") }}
        >
          <Field name="newEmail" label="New e-mail" type="email" autoComplete="email" />
        </Form>
      ) : (
        <>
          <p>{user.emailVerified ? "Verified." : "Not verified yet."}</p>
          {sent && <p role="status">We have sent a link to {user.email}.</p>}
          {user.newEmail && (
            <p>
              We have sent a link to <strong>{user.newEmail}</strong>. Your address changes when you
              follow it.
            </p>
          )}
          <Problem text={problem} />
          {(sent || user.newEmail) && (
            <button type="button" className="quiet" onClick={() => void reload()}>
              I have followed the link
            </button>
          )}
          {!user.emailVerified && (
            <button type="button" className="quiet" disabled={busy} onClick={() => void call(sendLink)}>
              {sent ? "Send it again" : "Send a link to verify it"}
            </button>
          )}
          <button type="button" className="quiet" onClick={() => setState("changing")}>
            Change your e-mail address
          </button>
        </>
      )}
    </section>
  );
}
