import { useCallback, useEffect, useRef, useState } from "react";
import * as api from "./api";
import { CodeField } from "./App";
import { Form } from "./Form";

type Enrolment = Awaited<ReturnType<typeof api.enrol>>;

export function Account({ signedOut }: { signedOut: () => void }) {
  const [user, setUser] = useState<api.User | null>(null);
  const [enrolment, setEnrolment] = useState<Enrolment | null>(null);
  const [turningOff, setTurningOff] = useState(false);
  const [codes, setCodes] = useState<string[]>([]);
  const load = useCallback(() => api.me().then(setUser, signedOut), [signedOut]);
  useEffect(() => void load(), [load]);
  const loaded = user !== null;
  const heading = useRef<HTMLHeadingElement>(null);
  useEffect(() => heading.current?.focus(), [loaded]);
  if (user === null) return <main className="card" aria-busy="true" />;

  async function changed(type: "totp" | "", code: string) {
    setCodes(await api.changeFactor(type, code));
    setEnrolment(null);
    setTurningOff(false);
    await load();
  }

  return (
    <main className="card">
      <h1 ref={heading} tabIndex={-1}>Your account</h1>
      <p>
        Signed in as <strong>{user.email}</strong>.
      </p>

      <section aria-labelledby="factor">
        <h2 id="factor">Second factor</h2>
        {codes.length > 0 && <RecoveryCodes codes={codes} done={() => setCodes([])} />}
        {codes.length === 0 && user.activeMfaType && !turningOff && (
          <>
            <p>
              On. Recovery codes left: <strong>{user.recoveryCodesLeft}</strong>.
            </p>
            <button type="button" className="quiet" onClick={() => setTurningOff(true)}>
              Turn it off
            </button>
          </>
        )}
        {!user.activeMfaType && !enrolment && (
          <>
            <p>Off. With it, a password alone is not enough to sign in.</p>
            <button type="button" onClick={async () => setEnrolment(await api.enrol())}>
              Set it up
            </button>
          </>
        )}
        {enrolment && (
          <Form
            level="h2"
            title="Scan this with your authenticator app"
            action="Turn it on"
            submit={({ code = "" }) => changed("totp", code)}
            others={{ "Not now": () => setEnrolment(null) }}
          >
            <img className="qr" src={enrolment.imageUrl} alt="QR code for your authenticator app" />
            <p className="hint">
              Or type this into it: <code>{enrolment.totpSecret}</code>
            </p>
            <CodeField hint="The six digits that the app shows now." />
          </Form>
        )}
        {turningOff && (
          <Form
            level="h2"
            title="Turn the second factor off"
            action="Turn it off"
            submit={({ code = "" }) => changed("", code)}
            others={{ "Keep it": () => setTurningOff(false) }}
          >
            <CodeField hint="The six digits that the app shows now." />
          </Form>
        )}
      </section>

      <section aria-labelledby="sessions">
        <h2 id="sessions">Where you are signed in</h2>
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
                <button
                  type="button"
                  className="quiet"
                  onClick={() => api.revoke(id).then(load)}
                >
                  Sign it out
                </button>
              )}
            </li>
          ))}
        </ul>
      </section>

      <button type="button" onClick={() => api.signOut().then(signedOut)}>
        Sign out
      </button>
    </main>
  );
}

/** What a browser says of itself, in a word or two. */
function browserOf(userAgent: string | null): string {
  const names = { Edg: "Edge", Firefox: "Firefox", Chrome: "Chrome", Safari: "Safari" };
  const found = Object.entries(names).find(([sign]) => userAgent?.includes(`${sign}/`));
  return found?.[1] ?? "Unknown browser";
}

function RecoveryCodes({ codes, done }: { codes: string[]; done: () => void }) {
  const text = `${codes.join("\n")}\n`;
  return (
    <div role="status">
      <p>
        The second factor is on. Keep these recovery codes for the day you lose your phone: each is
        good once, and they are not shown again.
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
      <button type="button" className="quiet" onClick={done}>
        I have kept them
      </button>
    </div>
  );
}
