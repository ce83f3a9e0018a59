import { type ComponentProps, type ReactNode, useEffect, useId, useRef, useState } from "react";
import { flushSync } from "react-dom";
import type { CodeFrom } from "./api";
import { AlreadyThere, Cancelled, NotHere } from "./passkeys";
import { Refused } from "./session";

const FIELDS = "input:not([type=hidden], [hidden])";

/** Runs one call at a time, and keeps its error for a <Problem>. */
export function useCall(given = "") {
  const [busy, setBusy] = useState(false);
  const [problem, setProblem] = useState(given);
  async function call(action: () => Promise<unknown>): Promise<void> {
    setBusy(true);
    setProblem("");
    try {
      await action();
    } catch (error) {
      setProblem(told(error));
    } finally {
      setBusy(false);
    }
  }
  return { busy, problem, call, show: (error: unknown) => setProblem(told(error)) };
}

/** The error, in words for the user. */
export function told(error: unknown): string {
  if (error instanceof Cancelled) return "No passkey was used. Try again, or choose another way.";
  if (error instanceof NotHere) return "Passkeys do not work on this page. Choose another way.";
  if (error instanceof AlreadyThere) return "This device has a passkey of yours already.";
  if (!(error instanceof Refused))
    return "The server cannot be reached. Check your connection and try again.";
  const { attemptsLeft, retryAfter, id } = error.details;
  if (retryAfter !== undefined) return `Too many attempts. Try again in ${duration(retryAfter)}.`;
  if (attemptsLeft === 0) return `${error.message} No attempts are left: please sign in again.`;
  if (attemptsLeft !== undefined) return `${error.message} Attempts left: ${attemptsLeft}.`;
  if (id !== undefined) return `${error.message} If it happens again, tell us this number: ${id}.`;
  return error.message;
}

function duration(seconds: number): string {
  const [count, unit] = seconds < 90 ? [seconds, "second"] : [Math.ceil(seconds / 60), "minute"];
  return `${count} ${unit}${count === 1 ? "" : "s"}`;
}

/** A visible error. It takes the focus, unless its form has exactly one field to correct. */
export function Problem({ text }: { text: string }) {
  const shown = useRef<HTMLParagraphElement>(null);
  useEffect(() => {
    if (!text) return;
    const fields = shown.current?.closest("form")?.querySelectorAll<HTMLInputElement>(FIELDS);
    const only = fields?.length === 1 ? fields[0] : undefined;
    (only ?? shown.current)?.focus();
    only?.select();
  }, [text]);
  return (
    <p ref={shown} className="problem" role="alert" tabIndex={-1}>
      {text}
    </p>
  );
}

export type Values = Record<string, string>;

interface Props {
  title: string;
  action: string;
  submit: (values: Values) => Promise<void>;
  /** More buttons: what they say, and what they do with what was typed so far. */
  others?: Record<string, (values: Values) => unknown>;
  problem?: string;
  children: ReactNode;
  level?: "h1" | "h2";
  /** Begin with the focus on the heading, if there is something to read before the first field. */
  readFirst?: boolean;
}

/** A form that takes the focus, waits for its response, and shows errors. */
export function Form({ title, action, submit, others = {}, children, level = "h1", ...rest }: Props) {
  const { problem: given, readFirst = false } = rest;
  const { busy, problem, call } = useCall(given);
  const Heading = level;
  const Wrapper = level === "h1" ? "main" : "section";
  const id = useId();
  const heading = useRef<HTMLHeadingElement>(null);
  const form = useRef<HTMLFormElement>(null);
  useEffect(() => {
    if (given) return; // the error has the focus
    const start = readFirst ? heading.current : form.current?.querySelector<HTMLElement>(FIELDS);
    start?.focus();
  }, [given, readFirst]);

  const typed = () => Object.fromEntries(new FormData(form.current ?? undefined)) as Values;

  return (
    <Wrapper className={level === "h1" ? "card" : ""} aria-labelledby={id}>
      <Heading id={id} ref={heading} tabIndex={-1}>
        {title}
      </Heading>
      <form
        ref={form}
        aria-busy={busy}
        onSubmit={(event) => {
          event.preventDefault();
          if (!busy) void call(() => submit(typed()));
        }}
      >
        {children}
        <Problem text={problem} />
        <button type="submit" disabled={busy}>
          {action}
        </button>
        {Object.entries(others).map(([text, go]) => (
          <button
            key={text}
            type="button"
            className="quiet"
            disabled={busy && text.includes("passkey")}
            onClick={() => void call(async () => go(typed()))}
          >
            {text}
          </button>
        ))}
      </form>
    </Wrapper>
  );
}

type FieldProps = ComponentProps<"input"> & { label: string; hint?: string };

export function Field({ label, hint, ...input }: FieldProps) {
  const id = useId();
  return (
    <div className="field">
      <label htmlFor={id}>{label}</label>
      <input id={id} required aria-describedby={hint && `${id}-hint`} {...input} />
      {hint && (
        <p className="hint" id={`${id}-hint`}>
          {hint}
        </p>
      )}
    </div>
  );
}

export function EmailField({ typed }: { typed?: string }) {
  return (
    <Field name="email" label="E-mail" type="email" autoComplete="username webauthn" defaultValue={typed} />
  );
}

export function NewPasswordField({ name, label }: { name: string; label: string }) {
  const hint = "At least 8 characters. A few words in a row are good.";
  return <Field name={name} label={label} type="password" autoComplete="new-password" hint={hint} />;
}

/** A field for six digits. It has no maxLength, which would truncate a pasted "123 456". */
export function CodeField({ hint = "The six digits that your authenticator app shows now." }) {
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

/** A field for a code of the app or a recovery code; `from` among the form's values says which.
 * Without an `app`, only a recovery code. */
export function AnyCodeField({ app = true }: { app?: boolean }) {
  const [from, setFrom] = useState<CodeFrom>(app ? "app" : "recovery");
  const field = useRef<HTMLDivElement>(null);
  function change(next: CodeFrom) {
    flushSync(() => setFrom(next));
    field.current?.querySelector<HTMLElement>(FIELDS)?.focus();
  }
  return (
    <div ref={field}>
      <input type="hidden" name="from" value={from} />
      {from === "app" ? (
        <CodeField />
      ) : (
        <Field
          name="code"
          label="Recovery code"
          autoComplete="off"
          autoCapitalize="characters"
          spellCheck={false}
          hint="One of those that you kept: each is good once."
        />
      )}
      {app && (
        <button
          type="button"
          className="link"
          onClick={() => change(from === "app" ? "recovery" : "app")}
        >
          {from === "app" ? "Use a recovery code" : "Use the authenticator app"}
        </button>
      )}
    </div>
  );
}
