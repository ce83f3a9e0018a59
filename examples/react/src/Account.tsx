import { useCallback, useEffect, useRef, useState } from "react";
import * as api from "./api";
import { useConfirmation } from "./Confirm";
import { Email } from "./Email";
import { Factor } from "./Factor";
import { Problem, useCall } from "./Form";
import { Passkeys } from "./Passkeys";
import { isOffered } from "./passkeys";
import { Password } from "./Password";
import { Sessions } from "./Sessions";

export function Account({ signedOut }: { signedOut: () => void }) {
  const [user, setUser] = useState<api.User | null>(null);
  const { busy, problem, call } = useCall();
  const { confirmed, dialog } = useConfirmation();
  const load = useCallback(async () => {
    const found = await api.me();
    if (found) setUser(found);
    else signedOut();
  }, [signedOut]);
  useEffect(() => void call(load), [load]);
  const [offered, setOffered] = useState(false);
  useEffect(() => void isOffered().then(setOffered), []);
  const reload = () => call(load);
  const loaded = user !== null;
  const heading = useRef<HTMLHeadingElement>(null);
  useEffect(() => {
    if (loaded) heading.current?.focus();
  }, [loaded]);

  return (
    <main className="card" aria-busy={busy}>
      <h1 ref={heading} tabIndex={-1}>
        Your account
      </h1>
      {user && (
        <>
          <p>
            Signed in as <strong>{user.email}</strong>.
          </p>
          <Email user={user} reload={reload} confirmed={confirmed} />
          <Factor user={user} reload={reload} confirmed={confirmed} />
          {offered && <Passkeys user={user} reload={reload} confirmed={confirmed} />}
          <Password user={user} reload={reload} confirmed={confirmed} />
          <Sessions user={user} reload={reload} />
        </>
      )}
      <Problem text={problem} />
      {!user && problem && (
        <button type="button" onClick={() => void reload()}>
          Try again
        </button>
      )}
      <button
        type="button"
        className={user ? "" : "quiet"}
        disabled={busy}
        onClick={() => void call(() => api.signOut().then(signedOut))}
      >
        Sign out
      </button>
      {dialog}
    </main>
  );
}

/** Props of the page's parts: the user as last loaded, and functions to reload and to change it. */
export interface PartProps {
  user: api.User;
  reload: () => Promise<void>;
  confirmed: <T>(change: () => Promise<T>, password?: string) => Promise<T>;
}
