// Dialogs, and what operators do in them: every act says its consequences and takes a reason.
import { type FormEvent, type ReactNode, useEffect, useId, useRef, useState } from "react";
import { type ApiError, refusal } from "./api";
import { useToast } from "./context";
import { Field } from "./fields";
import { isFocusLost, wayBack } from "./focus";
import { Refused, Stranger } from "./ui";

const REASON_MAX = 255;

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
    const back = wayBack();
    const element = dialog.current;
    element?.showModal();
    element?.querySelector<HTMLElement>("[data-first]")?.focus();
    return () => {
      element?.close();
      // What opened the dialog may be gone: a button to disable somebody, for example.
      window.setTimeout(() => isFocusLost() && back());
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

export interface Act {
  title: string;
  /** Whose account it is. */
  about?: string | undefined;
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
  /** Show at those fields what is wrong with them; return whether anything is. */
  check?: () => boolean;
  /** What the field of the reason begins with. */
  reason?: string;
  run: (reason: string) => Promise<unknown>;
  /** Return whether a refusal is shown elsewhere, so that the dialog closes. */
  refused?: (error: ApiError, reason: string) => boolean;
}

/** The dialog of an act: its consequences, what must be typed, and the reason. */
export function ActDialog({
  act,
  after = () => undefined,
  onClose,
}: {
  act: Act;
  /** Loads what the act has changed, before the dialog closes. */
  after?: () => unknown;
  onClose: () => void;
}) {
  const toast = useToast();
  const [reason, setReason] = useState(act.reason ?? "");
  const [typed, setTyped] = useState("");
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<ApiError>();
  const [pressed, setPressed] = useState(false);
  const form = useRef<HTMLFormElement>(null);
  const mistyped = !!act.typed && typed.trim() !== act.typed.text;
  const missing = !reason.trim();

  async function submit(event: FormEvent) {
    event.preventDefault();
    if (busy) return;
    setPressed(true);
    if (act.check?.() || mistyped || missing) {
      window.setTimeout(() => invalidField(form.current)?.focus());
      return;
    }
    setBusy(true);
    setError(undefined);
    try {
      await act.run(reason.trim());
      await after();
    } catch (thrown) {
      const refused = refusal(thrown);
      if (act.refused?.(refused, reason)) return onClose();
      setError(refused);
      setBusy(false);
      return;
    }
    toast(act.done);
    onClose();
  }

  return (
    <Dialog title={act.title} onClose={onClose}>
      <form
        ref={form}
        noValidate
        onSubmit={(event) => void submit(event)}
        onChange={() => setError(undefined)}
      >
        {act.about && (
          <p>
            User: <Stranger>{act.about}</Stranger>
          </p>
        )}
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
            required
            marked
            error={pressed && mistyped ? `Type ${act.typed.text} exactly.` : undefined}
            value={typed}
            data-first={act.fields ? undefined : true}
            onChange={(event) => setTyped(event.target.value)}
          />
        )}
        <Field
          label="Reason"
          hint="The event keeps it with your name."
          maxLength={REASON_MAX}
          required
          marked
          error={pressed && missing ? "Enter a reason." : undefined}
          value={reason}
          data-first={act.fields || act.typed ? undefined : true}
          onChange={(event) => setReason(event.target.value)}
        />
        <Refused error={error} />
        <div className="acts end">
          <button type="button" onClick={onClose}>
            Cancel
          </button>
          <button
            type="submit"
            className={act.dangerous ? "danger" : "primary"}
            aria-disabled={busy}
          >
            {busy ? "Working…" : act.verb}
          </button>
        </div>
      </form>
    </Dialog>
  );
}

function invalidField(form: HTMLFormElement | null): HTMLElement | null | undefined {
  return form?.querySelector<HTMLElement>("[aria-invalid=true]");
}

/** Return a dialog for acts, and the function that opens it. `after` is called once one is done. */
export function useAct(after: () => unknown): [ReactNode, (act: Act) => void] {
  const [act, setAct] = useState<Act | null>(null);
  const shown = act && <ActDialog act={act} after={after} onClose={() => setAct(null)} />;
  return [shown, setAct];
}
