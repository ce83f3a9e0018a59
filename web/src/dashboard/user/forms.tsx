// What an operator may write about a user: roles and metadata.
import { type FormEvent, useState } from "react";
import { useSession } from "../context";
import { Field } from "../fields";
import { SetMetadataDocument, SetRolesDocument } from "../generated/admin";
import { entries } from "../settings/values";
import { Stranger } from "../ui";
import { useUnsaved } from "../unsaved";
import type { Do, User } from "./types";

export function Roles({ user, act }: { user: User; act: Do }) {
  const session = useSession();
  const [text, setText] = useState(user.roles.join(", "));
  const [defaultRole, setDefaultRole] = useState(user.defaultRole);
  const roles = entries(text);
  const operator = roles.includes("admin") && !user.roles.includes("admin");
  const changed = roles.join() !== user.roles.join() || defaultRole.trim() !== user.defaultRole;
  useUnsaved("Roles", changed);

  function submit(event: FormEvent) {
    event.preventDefault();
    act({
      title: "Set roles",
      consequences: (
        <>
          <p>
            The user has these roles and no others: <Stranger>{roles.join(", ")}</Stranger>. Access
            tokens contain them after the next refresh.
          </p>
          {operator && <p className="notice warn">The user becomes an operator, as you are.</p>}
        </>
      ),
      verb: "Set roles",
      done: "The roles are set.",
      run: (reason) =>
        session.call(SetRolesDocument, {
          id: user.id,
          roles,
          defaultRole: defaultRole.trim(),
          reason,
        }),
    });
  }

  return (
    <section>
      <h2>Roles</h2>
      <form className="card" onSubmit={submit}>
        <Field
          label="Roles"
          hint="Separate them by commas. With “admin”, the user is an operator."
          value={text}
          onChange={(event) => setText(event.target.value)}
        />
        <Field
          label="Default role"
          value={defaultRole}
          onChange={(event) => setDefaultRole(event.target.value)}
        />
        <div className="acts end">
          <button type="submit" className="primary" disabled={!changed}>
            Save <span className="unseen">roles</span>
          </button>
        </div>
      </form>
    </section>
  );
}

export function Metadata({ user, act }: { user: User; act: Do }) {
  const session = useSession();
  const [before] = useState(() => indented(user.metadataJson));
  const [text, setText] = useState(before);
  const wrong = indented(text) === "" ? "This is not JSON. Write an object, or null." : undefined;
  useUnsaved("Metadata", text !== before);

  function submit(event: FormEvent) {
    event.preventDefault();
    act({
      title: "Set metadata",
      consequences: <p>The application’s data about the user is replaced.</p>,
      verb: "Set metadata",
      done: "The metadata is set.",
      run: (reason) =>
        session.call(SetMetadataDocument, { id: user.id, metadataJson: text, reason }),
    });
  }

  return (
    <section>
      <h2>Metadata</h2>
      <form className="card" onSubmit={submit}>
        <div className="field">
          <label htmlFor="metadata">JSON</label>
          <textarea
            id="metadata"
            className="code"
            rows={6}
            spellCheck={false}
            value={text}
            aria-invalid={wrong ? true : undefined}
            aria-describedby={wrong ? "metadata-error" : undefined}
            onChange={(event) => setText(event.target.value)}
          />
          {wrong && (
            <p className="wrong" id="metadata-error">
              {wrong}
            </p>
          )}
        </div>
        <div className="acts end">
          <button type="submit" className="primary" disabled={!!wrong || text === before}>
            Save <span className="unseen">metadata</span>
          </button>
        </div>
      </form>
    </section>
  );
}

/** Return JSON for people; "" if it is none. */
function indented(json: string): string {
  try {
    return JSON.stringify(JSON.parse(json), null, 2);
  } catch {
    return "";
  }
}
