import { useState } from "react";
import type { PartProps } from "./Account";
import type { Passkey } from "./api";
import { Field, Form, Problem, useCall } from "./Form";
import * as passkeys from "./passkeys";
import { RecoveryCodes } from "./RecoveryCodes";

const DATE = new Intl.DateTimeFormat(undefined, { dateStyle: "medium" });

/** The passkeys of the user: add, rename, remove. */
export function Passkeys({ user, reload, confirmed }: PartProps) {
  const [codes, setCodes] = useState<string[]>([]);
  const [renaming, setRenaming] = useState<Passkey | null>(null);
  const { busy, problem, call } = useCall();
  const change = (action: () => Promise<unknown>) =>
    void call(async () => {
      await confirmed(action);
      await reload();
    });
  const only = user.passkeys.length === 1 && !user.passkeys[0]?.backedUp;

  return (
    <section aria-labelledby="passkeys">
      <h2 id="passkeys">Passkeys</h2>
      {user.passkeys.length === 0 && (
        <p>None. With one, you sign in with your fingerprint, your face or a PIN.</p>
      )}
      <ul className="sessions">
        {user.passkeys.map((passkey) => (
          <li key={passkey.id} className="wide">
            <span>
              <strong>{passkey.nickname}</strong>
              <span className="hint">
                {passkey.lastUsedAt
                  ? `Last used ${DATE.format(new Date(passkey.lastUsedAt))}`
                  : `Added ${DATE.format(new Date(passkey.createdAt))}`}
              </span>
            </span>
            <button
              type="button"
              className="quiet"
              aria-label={`Rename ${passkey.nickname}`}
              onClick={() => setRenaming(passkey)}
            >
              Rename
            </button>
            <button
              type="button"
              className="quiet"
              disabled={busy}
              aria-label={`Remove ${passkey.nickname}`}
              onClick={() => change(() => passkeys.remove(passkey.id))}
            >
              Remove
            </button>
          </li>
        ))}
      </ul>
      {only && (
        <p className="hint">
          This passkey is on one device only. Add a second one, for the day you lose it.
        </p>
      )}
      <Problem text={problem} />
      {renaming && (
        <Form
          key={renaming.id}
          level="h2"
          title={`Rename ${renaming.nickname}`}
          action="Save"
          submit={async ({ nickname = "" }) => {
            await confirmed(() => passkeys.rename(renaming.id, nickname));
            setRenaming(null);
            await reload();
          }}
          others={{ "Keep the name": () => setRenaming(null) }}
        >
          <Field name="nickname" label="Name" defaultValue={renaming.nickname} maxLength={100} />
        </Form>
      )}
      {codes.length > 0 ? (
        <RecoveryCodes codes={codes} done={() => setCodes([])}>
          The passkey is added, and a password alone does not sign you in any more.
        </RecoveryCodes>
      ) : (
        <button
          type="button"
          disabled={busy}
          onClick={() => change(async () => setCodes(await passkeys.add()))}
        >
          Add a passkey
        </button>
      )}
    </section>
  );
}
