import { useRef } from "react";
import type { PartProps } from "./Account";
import * as api from "./api";
import { Problem, useCall } from "./Form";

/** The user's sessions. */
export function Sessions({ user, reload }: Omit<PartProps, "confirmed">) {
  const { busy, problem, call } = useCall();
  const heading = useRef<HTMLHeadingElement>(null);

  const revoke = (id: string) =>
    call(async () => {
      await api.revoke(id);
      await reload();
      heading.current?.focus();
    });

  return (
    <section aria-labelledby="sessions">
      <h2 id="sessions" ref={heading} tabIndex={-1}>
        Where you are signed in
      </h2>
      <ul className="sessions">
        {user.sessions.edges.map(({ node: { id, userAgent, lastUsedAt, current } }) => (
          <li key={id}>
            <span>
              <strong>{current ? "This device" : "Another device"}</strong>
              <span className="hint">
                {browserOf(userAgent)}, {new Date(lastUsedAt).toLocaleString()}
              </span>
            </span>
            {!current && (
              <button type="button" className="quiet" disabled={busy} onClick={() => void revoke(id)}>
                Sign it out
              </button>
            )}
          </li>
        ))}
      </ul>
      <Problem text={problem} />
    </section>
  );
}

/** A short name for a browser, from its user agent. */
function browserOf(userAgent: string | null): string {
  const names = { Edg: "Edge", Firefox: "Firefox", Chrome: "Chrome", Safari: "Safari" };
  const found = Object.entries(names).find(([sign]) => userAgent?.includes(`${sign}/`));
  return found?.[1] ?? "Unknown browser";
}
