import type { ReactNode } from "react";
import { CopyButton } from "./CopyButton";

interface Props {
  codes: string[];
  done: () => void;
  /** What has happened. */
  children: ReactNode;
}

/** Recovery codes, which the user has to keep now. */
export function RecoveryCodes({ codes, done, children }: Props) {
  const text = `${codes.join("\n")}\n`;
  return (
    <div role="status">
      <p>
        {children} Keep these recovery codes for the day you lose your phone: each is good once, and
        they are not shown again.
      </p>
      <ol className="codes">
        {codes.map((code) => (
          <li key={code}>
            <code>{code}</code>
          </li>
        ))}
      </ol>
      <a
        className="button"
        download="recovery-codes.txt"
        href={`data:text/plain;charset=utf-8,${encodeURIComponent(text)}`}
      >
        Download them
      </a>
      <CopyButton text={text} label="Copy them" />
      <button type="button" className="quiet" onClick={done}>
        I have kept them
      </button>
    </div>
  );
}
