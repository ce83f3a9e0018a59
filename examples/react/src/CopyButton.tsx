import { useState } from "react";

/** Copies a text. Browsers allow this only over HTTPS and on localhost, and may still refuse. */
export function CopyButton({ text, label }: { text: string; label: string }) {
  const [outcome, setOutcome] = useState("");
  async function copy() {
    try {
      await navigator.clipboard.writeText(text);
      setOutcome("Copied.");
    } catch {
      setOutcome("This browser does not allow it: please select and copy the text yourself.");
    }
  }
  return (
    <>
      <button type="button" className="quiet" onClick={() => void copy()}>
        {label}
      </button>
      <span className="hint" role="status">
        {outcome}
      </span>
    </>
  );
}
