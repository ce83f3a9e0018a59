// What was typed and not saved: the reader is asked before it is lost.
import { useEffect, useId, useSyncExternalStore } from "react";
import { Dialog } from "./acts";
import { guardWith } from "./router";

/** The names of the forms with changes, by an id of each. */
const unsaved = new Map<string, string>();
let leaving: (() => void) | null = null;
const listeners = new Set<() => void>();

function ask(then: (() => void) | null): void {
  leaving = then;
  for (const listener of listeners) listener();
}

/** Note that a form has changes that are not saved. */
export function useUnsaved(name: string, has: boolean): void {
  const id = useId();
  useEffect(() => {
    if (has) unsaved.set(id, name);
    return () => void unsaved.delete(id);
  }, [id, name, has]);
}

/** Forget all changes: what they were of is gone. */
export function forgetUnsaved(): void {
  unsaved.clear();
}

/** Do what leaves the page; if changes would be lost by it, only once the reader agrees. */
export function leave(then: () => void): void {
  if (unsaved.size) ask(then);
  else then();
}

window.addEventListener("beforeunload", (event) => {
  if (unsaved.size) event.preventDefault();
});

guardWith((goOn) => {
  if (!unsaved.size) return true;
  ask(goOn);
  return false;
});

/** Asks whether to leave without saving. */
export function Leaving() {
  const then = useSyncExternalStore(
    (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    () => leaving,
  );
  if (!then) return null;
  return (
    <Dialog title="Leave without saving?" onClose={() => ask(null)}>
      <p>Your changes are not saved: {[...new Set(unsaved.values())].join(", ")}.</p>
      <div className="acts end">
        <button type="button" data-first onClick={() => ask(null)}>
          Stay
        </button>
        <button
          type="button"
          className="danger"
          onClick={() => {
            forgetUnsaved();
            ask(null);
            then();
          }}
        >
          Leave
        </button>
      </div>
    </Dialog>
  );
}
