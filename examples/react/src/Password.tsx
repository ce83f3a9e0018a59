import { useEffect, useRef, useState } from "react";
import type { PartProps } from "./Account";
import * as api from "./api";
import { Field, Form, NewPasswordField } from "./Form";

export function Password({ user, reload, confirmed }: PartProps) {
  const [state, setState] = useState<"" | "changing" | "kept" | "changed">("");
  const heading = useRef<HTMLHeadingElement>(null);
  useEffect(() => {
    if (state === "kept" || state === "changed") heading.current?.focus();
  }, [state]);
  const title = user.hasPassword ? "Change your password" : "Set a password";

  return (
    <section aria-labelledby="password">
      <h2 id="password" ref={heading} tabIndex={-1}>
        Password
      </h2>
      {state === "changing" ? (
        <Form
          level="h2"
          title={title}
          action={user.hasPassword ? "Change it" : "Set it"}
          submit={async ({ currentPassword, newPassword = "" }) => {
            const change = () => api.changePassword(newPassword, currentPassword);
            await confirmed(change, currentPassword);
            setState("changed");
            await reload();
          }}
          others={{ [user.hasPassword ? "Keep it" : "Not now"]: () => setState("kept") }}
        >
          <input hidden name="username" autoComplete="username" value={user.email} readOnly />
          {user.hasPassword && (
            <Field
              name="currentPassword"
              label="Current password"
              type="password"
              autoComplete="current-password"
            />
          )}
          <NewPasswordField name="newPassword" label="New password" />
        </Form>
      ) : (
        <>
          {state === "changed" && (
            <p role="status">Your new password is set. You are signed out everywhere else.</p>
          )}
          {!user.hasPassword && <p>You have none: you sign in without one.</p>}
          <button type="button" className="quiet" onClick={() => setState("changing")}>
            {title}
          </button>
        </>
      )}
    </section>
  );
}
