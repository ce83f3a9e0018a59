// The parts that all pages share.
import {
  type FormEvent,
  type InputHTMLAttributes,
  type ReactNode,
  useEffect,
  useId,
  useRef,
  useState,
} from "react";
import { type ApiError, refusal } from "./api";
import { useToast } from "./context";
import type { Loaded } from "./use_query";

const REASON_MAX = 255;

/** Text that a stranger may have typed: kept in its own direction, and wrapped where it must. */
export function Stranger({ children }: { children: string | null | undefined }) {
  return children ? (
    <bdi className="stranger">{children}</bdi>
  ) : (
    <span className="faint">none</span>
  );
}

const exact = new Intl.DateTimeFormat("en", { dateStyle: "full", timeStyle: "long" });
const short = new Intl.DateTimeFormat("en", { dateStyle: "medium", timeStyle: "short" });
const thisYear = new Intl.DateTimeFormat("en", {
  month: "short",
  day: "numeric",
  hour: "numeric",
  minute: "2-digit",
});

/** A time in the reader's zone; the exact one is in its title. */
export function Time({ at, none = "never" }: { at: string | null | undefined; none?: string }) {
  if (!at) return <span className="faint">{none}</span>;
  const time = new Date(at);
  const format = time.getFullYear() === new Date().getFullYear() ? thisYear : short;
  return (
    <time dateTime={at} title={exact.format(time)}>
      {format.format(time)}
    </time>
  );
}

/** A page's heading, and what can be done with the whole page. */
export function PageHead({
  title,
  about,
  children,
}: {
  title: ReactNode;
  about?: ReactNode;
  children?: ReactNode;
}) {
  return (
    <header className="page-head">
      <div>
        <h1 tabIndex={-1}>{title}</h1>
        {about && <p>{about}</p>}
      </div>
      {children && <div className="acts">{children}</div>}
    </header>
  );
}

/** A message that something was refused. */
export function Refused({ error, id }: { error: ApiError | undefined; id?: string }) {
  return (
    <div role="alert" id={id}>
      {error && <p className="notice bad">{error.message}</p>}
    </div>
  );
}

/** What stands in for data: it loads, it failed, or it may not be seen. */
export function Waiting({ of, what }: { of: Loaded<unknown>; what: string }) {
  if (of.error) {
    const forbidden = of.error.code === "NOT_AN_OPERATOR";
    return (
      <div className="state" role="alert">
        <p>
          {forbidden ? "You may not see this: your account has no role “admin”." : of.error.message}
        </p>
        {!forbidden && (
          <button type="button" onClick={() => void of.reload()}>
            Try again
          </button>
        )}
      </div>
    );
  }
  return (
    <p className="state" role="status">
      Loading {what}…
    </p>
  );
}

/** Data once it is there; what went wrong with a later question is above it. */
export function Loading<Result>({
  of,
  what,
  children,
}: {
  of: Loaded<Result>;
  what: string;
  children: (data: Result) => ReactNode;
}) {
  if (of.data === undefined) return <Waiting of={of} what={what} />;
  return (
    <div className={of.loading ? "loaded again" : "loaded"} aria-busy={of.loading}>
      {of.error && <Waiting of={of} what={what} />}
      {children(of.data)}
    </div>
  );
}

export function Empty({ children }: { children: ReactNode }) {
  return <p className="state">{children}</p>;
}

type FieldProps = InputHTMLAttributes<HTMLInputElement> & {
  label: string;
  hint?: ReactNode;
  error?: string | undefined;
};

/** A labelled line of text. */
export function Field({ label, hint, error, ...input }: FieldProps) {
  const id = useId();
  const described = [hint && `${id}-hint`, error && `${id}-error`].filter(Boolean).join(" ");
  return (
    <div className="field">
      <label htmlFor={id}>{label}</label>
      <input
        id={id}
        autoComplete="off"
        spellCheck={false}
        aria-describedby={described || undefined}
        aria-invalid={error ? true : undefined}
        {...input}
      />
      {hint && (
        <p className="hint" id={`${id}-hint`}>
          {hint}
        </p>
      )}
      {error && (
        <p className="wrong" id={`${id}-error`}>
          {error}
        </p>
      )}
    </div>
  );
}

/** A choice of few. */
export function Choice({
  label,
  value,
  options,
  onChange,
  disabled,
}: {
  label: string;
  value: string;
  options: readonly (readonly [string, string])[];
  onChange: (value: string) => void;
  disabled?: boolean;
}) {
  const id = useId();
  return (
    <div className="field">
      <label htmlFor={id}>{label}</label>
      <select
        id={id}
        value={value}
        disabled={disabled}
        onChange={(event) => onChange(event.target.value)}
      >
        {options.map(([key, text]) => (
          <option key={key} value={key}>
            {text}
          </option>
        ))}
      </select>
    </div>
  );
}

/** On or off. */
export function Switch({
  label,
  checked,
  disabled,
  describedBy,
  labelHidden = false,
  onChange,
}: {
  label: string;
  checked: boolean;
  disabled?: boolean;
  describedBy?: string | undefined;
  labelHidden?: boolean;
  onChange: (checked: boolean) => void;
}) {
  return (
    <label className="switch">
      <span className={labelHidden ? "unseen" : undefined}>{label}</span>
      <input
        type="checkbox"
        role="switch"
        checked={checked}
        disabled={disabled}
        aria-describedby={describedBy}
        onChange={(event) => onChange(event.target.checked)}
      />
    </label>
  );
}

/**
 * A modal dialog. The browser moves the focus into it and back, and closes it on Escape.
 * It exists while it is open.
 */
export function Dialog({
  title,
  onClose,
  children,
}: {
  title: string;
  onClose: () => void;
  children: ReactNode;
}) {
  const dialog = useRef<HTMLDialogElement>(null);
  const id = useId();
  useEffect(() => {
    const before = document.activeElement;
    const element = dialog.current;
    element?.showModal();
    element?.querySelector<HTMLElement>("[data-first]")?.focus();
    return () => {
      element?.close();
      // What opened the dialog may be gone: a button to disable somebody, for example.
      window.setTimeout(() => {
        const back = before instanceof HTMLElement && before.isConnected ? before : heading();
        if (document.activeElement === document.body) back?.focus();
      });
    };
  }, []);
  return (
    <dialog
      ref={dialog}
      aria-labelledby={id}
      onCancel={(event) => {
        event.preventDefault();
        onClose();
      }}
    >
      <h2 id={id}>{title}</h2>
      {children}
    </dialog>
  );
}

function heading(): HTMLElement | null {
  return document.querySelector("h1");
}

export interface Act {
  title: string;
  /** What will be, in one or two sentences. */
  consequences: ReactNode;
  /** The words on the button. */
  verb: string;
  /** The toast afterwards. */
  done: string;
  dangerous?: boolean;
  /** What has to be typed first, so that it is meant. */
  typed?: { label: string; text: string };
  /** More fields, above the reason. */
  fields?: ReactNode;
  /** What the field of the reason begins with. */
  reason?: string;
  run: (reason: string) => Promise<unknown>;
  /** Return whether a refusal is shown elsewhere, so that the dialog closes. */
  refused?: (error: ApiError, reason: string) => boolean;
}

/** The dialog of an act: its consequences, what must be typed, and the reason. */
export function ActDialog({ act, onClose }: { act: Act; onClose: (done: boolean) => void }) {
  const toast = useToast();
  const [reason, setReason] = useState(act.reason ?? "");
  const [typed, setTyped] = useState("");
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<ApiError>();
  const ready = !!reason.trim() && (!act.typed || typed.trim() === act.typed.text) && !busy;

  async function submit(event: FormEvent) {
    event.preventDefault();
    if (!ready) return;
    setBusy(true);
    setError(undefined);
    try {
      await act.run(reason.trim());
    } catch (thrown) {
      const refused = refusal(thrown);
      if (act.refused?.(refused, reason)) return onClose(false);
      setError(refused);
      setBusy(false);
      return;
    }
    toast(act.done);
    onClose(true);
  }

  return (
    <Dialog title={act.title} onClose={() => onClose(false)}>
      <form onSubmit={(event) => void submit(event)}>
        <div className="consequences">{act.consequences}</div>
        {act.fields}
        {act.typed && (
          <Field
            label={act.typed.label}
            hint={
              <>
                Type <bdi className="stranger code">{act.typed.text}</bdi>
              </>
            }
            value={typed}
            data-first={act.fields ? undefined : true}
            onChange={(event) => setTyped(event.target.value)}
          />
        )}
        <Field
          label="Reason"
          hint="The history keeps it with your name."
          maxLength={REASON_MAX}
          required
          value={reason}
          data-first={act.fields || act.typed ? undefined : true}
          onChange={(event) => setReason(event.target.value)}
        />
        <Refused error={error} />
        <div className="acts end">
          <button type="button" onClick={() => onClose(false)}>
            Cancel
          </button>
          <button type="submit" className={act.dangerous ? "danger" : "primary"} disabled={!ready}>
            {busy ? "Working…" : act.verb}
          </button>
        </div>
      </form>
    </Dialog>
  );
}

/** Return a dialog for acts, and the function that opens it. `after` is called once one is done. */
export function useAct(after: () => unknown): [ReactNode, (act: Act) => void] {
  const [act, setAct] = useState<Act | null>(null);
  const shown = act && (
    <ActDialog
      act={act}
      onClose={(done) => {
        setAct(null);
        if (done) void after();
      }}
    />
  );
  return [shown, setAct];
}

/**
 * A table in a region of its own, which scrolls if it must; cards on phones. Its roles are said
 * aloud, as browsers forget them when the cells are blocks.
 */
export function Table({
  label,
  head,
  children,
}: {
  label: string;
  head: string[];
  children: ReactNode;
}) {
  return (
    <div className="table" role="region" aria-label={label} tabIndex={0}>
      <table role="table">
        <thead role="rowgroup">
          <tr role="row">
            {head.map((title) => (
              <th key={title} role="columnheader" scope="col">
                {title || <span className="unseen">What you can do</span>}
              </th>
            ))}
          </tr>
        </thead>
        <tbody role="rowgroup">{children}</tbody>
      </table>
    </div>
  );
}

/** A cell that says on phones which column it is of. */
export function Cell({ of, children }: { of: string; children: ReactNode }) {
  return (
    <td role="cell" className={of ? undefined : "acting"}>
      <span className="of" aria-hidden="true">
        {of}
      </span>
      <div>{children}</div>
    </td>
  );
}

export interface PageInfo {
  hasNextPage: boolean;
  endCursor: string | null;
}

/** The pages of a list: cursors go forward only, so the way back is remembered. */
export function usePages(key: string): {
  after: string | null;
  pager: (info: PageInfo) => ReactNode;
} {
  const [state, setState] = useState<{ key: string; cursors: string[] }>({ key, cursors: [] });
  const cursors = state.key === key ? state.cursors : [];
  const pager = (info: PageInfo) => {
    if (!cursors.length && !info.hasNextPage) return null;
    return (
      <nav className="pager" aria-label="Pages">
        <button
          type="button"
          disabled={!cursors.length}
          onClick={() => setState({ key, cursors: cursors.slice(0, -1) })}
        >
          Previous
        </button>
        <span>Page {cursors.length + 1}</span>
        <button
          type="button"
          disabled={!info.hasNextPage || !info.endCursor}
          onClick={() => info.endCursor && setState({ key, cursors: [...cursors, info.endCursor] })}
        >
          Next
        </button>
      </nav>
    );
  };
  return { after: cursors.at(-1) ?? null, pager };
}

/** A short word about a state. */
export function Tag({ tone, children }: { tone?: "good" | "bad" | "warn"; children: ReactNode }) {
  return <span className={`tag ${tone ?? ""}`}>{children}</span>;
}

/** The value as it is after it has not changed for a moment: for searches while one types. */
export function useSettled<Value>(value: Value): Value {
  const [settled, setSettled] = useState(value);
  useEffect(() => {
    const timer = window.setTimeout(() => setSettled(value), 250);
    return () => window.clearTimeout(timer);
  }, [value]);
  return settled;
}
