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

  return (
    <section aria-labelledby="password">
      <h2 id="password" ref={heading} tabIndex={-1}>
        Password
      </h2>
      {state === "changing" ? (
        <Form
          level="h2"
          title="Change your password"
          action="Change it"
          submit={async ({ currentPassword = "", newPassword = "" }) => {
            const change = () => api.changePassword(currentPassword, newPassword);
            await confirmed(change, currentPassword);
            setState("changed");
            await reload();
          }}
          others={{ "Keep it": () => setState("kept") }}
        >
          <input hidden name="username" autoComplete="username" value={user.email} readOnly />
          <Field
            name="currentPassword"
            label="Current password"
            type="password"
            autoComplete="current-password"
          />
          <NewPasswordField name="newPassword" label="New password" />
        </Form>
      ) : (
        <>
          {state === "changed" && (
            <p role="status">Your password is changed. You are signed out everywhere else.</p>
          )}
          <button type="button" className="quiet" onClick={() => setState("changing")}>
            Change your password
          </button>
        </>
      )}
    </section>
  );
}
