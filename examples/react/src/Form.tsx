import { type ComponentProps, type ReactNode, useId, useState } from "react";
import { Refused } from "./api";

interface Props {
  title: string;
  action: string;
  submit: (values: Record<string, string>) => Promise<void>;
  refused?: (error: Refused) => unknown;
  others?: Record<string, () => void>;
  children: ReactNode;
  level?: "h1" | "h2";
}

/** A form that waits for its answer, and says what was wrong where everybody notices. */
export function Form({ title, action, submit, refused, others = {}, children, level = "h1" }: Props) {
  const [busy, setBusy] = useState(false);
  const [problem, setProblem] = useState("");
  const Heading = level;
  const Wrapper = level === "h1" ? "main" : "section";

  async function onSubmit(values: Record<string, string>) {
    setBusy(true);
    setProblem("");
    try {
      await submit(values);
    } catch (error) {
      if (error instanceof Refused) refused?.(error);
      setProblem(told(error));
    } finally {
      setBusy(false);
    }
  }

  return (
    <Wrapper className={level === "h1" ? "card" : ""}>
      <Heading>{title}</Heading>
      <form
        aria-busy={busy}
        onSubmit={(event) => {
          event.preventDefault();
          const values = Object.fromEntries(new FormData(event.currentTarget));
          void onSubmit(values as Record<string, string>);
        }}
      >
        {children}
        <p className="problem" role="alert">
          {problem}
        </p>
        <button type="submit" disabled={busy}>
          {action}
        </button>
        {Object.entries(others).map(([text, go]) => (
          <button key={text} type="button" className="quiet" onClick={go}>
            {text}
          </button>
        ))}
      </form>
    </Wrapper>
  );
}

/** What went wrong, in words for the person in front of it. */
function told(error: unknown): string {
  if (!(error instanceof Refused)) return "The server cannot be reached. Please try again.";
  const { attemptsLeft, retryAfter } = error.extensions;
  if (attemptsLeft !== undefined) return `${error.message} Attempts left: ${attemptsLeft}.`;
  if (retryAfter !== undefined) return `${error.message} In ${retryAfter} seconds, that is.`;
  return error.message;
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
