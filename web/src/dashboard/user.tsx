// One user: what is known, and what an operator may do.
import { type FormEvent, useState } from "react";
import type { Document } from "./api";
import { useSession } from "./context";
import { EventList } from "./events";
import {
  DeleteUserDocument,
  DisableUserDocument,
  EnableUserDocument,
  EndSessionDocument,
  EndSessionsDocument,
  LiftThrottleDocument,
  ResetFactorsDocument,
  SendPasswordResetDocument,
  SetMetadataDocument,
  SetRolesDocument,
  UserDocument,
  type UserFactsFragment,
  VerifyUserDocument,
} from "./generated/admin";
import { go, to } from "./router";
import { entries } from "./settings/values";
import {
  type Act,
  Cell,
  Empty,
  Field,
  Loading,
  PageHead,
  Stranger,
  Table,
  Time,
  useAct,
} from "./ui";
import { useQuery } from "./use_query";
import { UserTags } from "./users";
import { factorWords } from "./words";

type User = UserFactsFragment;
type Do = (act: Act) => void;

export function UserPage({ id }: { id: string }) {
  const found = useQuery(UserDocument, { id });
  const [changes, setChanges] = useState(0);
  const [dialog, act] = useAct(async () => {
    await found.reload();
    setChanges((count) => count + 1);
  });
  if (found.error?.code === "NOT_FOUND") {
    return (
      <>
        <PageHead title="User" />
        <Empty>
          There is no such user, or not any more. Go to <a href={to("users")}>all users</a>.
        </Empty>
        {dialog}
      </>
    );
  }
  return (
    <>
      {!found.data && <PageHead title="User" />}
      <Loading of={found} what="the user">
        {({ user }) => (
          <>
            <PageHead
              title={<Stranger>{user.email}</Stranger>}
              about={
                <>
                  <a href={to("users")}>All users</a> <UserTags user={user} />
                </>
              }
            />
            <Facts user={user} />
            <Acts user={user} act={act} />
            <Sessions user={user} act={act} />
            <Factors user={user} act={act} />
            <Roles key={`roles ${user.roles.join()} ${user.defaultRole}`} user={user} act={act} />
            <Metadata key={`metadata ${user.metadataJson}`} user={user} act={act} />
            <section>
              <h2>Security events</h2>
              <EventList key={changes} filter={{ userId: user.id }} />
            </section>
          </>
        )}
      </Loading>
      {dialog}
    </>
  );
}

function Facts({ user }: { user: User }) {
  return (
    <dl className="facts card">
      <dt>Name</dt>
      <dd>
        <Stranger>{user.displayName}</Stranger>
      </dd>
      <dt>Id</dt>
      <dd>
        <code className="stranger">{user.id}</code>
      </dd>
      {user.newEmail && (
        <>
          <dt>New address</dt>
          <dd>
            <Stranger>{user.newEmail}</Stranger>, not confirmed yet
          </dd>
        </>
      )}
      <dt>Password</dt>
      <dd>{user.hasPassword ? "set" : "none"}</dd>
      <dt>Second factor</dt>
      <dd>{factorWords(user.factors)}</dd>
      <dt>Language</dt>
      <dd>
        <Stranger>{user.locale}</Stranger>
      </dd>
      <dt>Made</dt>
      <dd>
        <Time at={user.createdAt} />
      </dd>
      <dt>Last signed in</dt>
      <dd>
        <Time at={user.lastSignedInAt} />
      </dd>
    </dl>
  );
}

function Acts({ user, act }: { user: User; act: Do }) {
  const session = useSession();
  const { id } = user;
  const simple =
    (document: Document<unknown, { id: string; reason: string }>) => (reason: string) =>
      session.call(document, { id, reason });
  const disable: Act = {
    title: "Disable user",
    consequences: (
      <p>
        The user cannot sign in. All sessions, sign-ins and mailed links end. You can enable them
        again.
      </p>
    ),
    verb: "Disable",
    done: "The user is disabled.",
    dangerous: true,
    run: simple(DisableUserDocument),
  };
  const enable: Act = {
    title: "Enable user",
    consequences: <p>The user can sign in again.</p>,
    verb: "Enable",
    done: "The user is enabled.",
    run: simple(EnableUserDocument),
  };
  const reset: Act = {
    title: "Send password reset",
    consequences: <p>The user gets a mail with a link for a new password. Nobody else sees it.</p>,
    verb: "Send",
    done: "The mail is on its way.",
    run: simple(SendPasswordResetDocument),
  };
  const verify: Act = {
    title: "Verify address",
    consequences: <p>The address counts as the user’s own. Make sure of it first.</p>,
    verb: "Verify",
    done: "The address is verified.",
    run: simple(VerifyUserDocument),
  };
  const remove: Act = {
    title: "Delete user",
    consequences: <p>The account goes with all its data and events. This cannot be undone.</p>,
    dangerous: true,
    typed: { label: "E-mail address of the user", text: user.email },
    verb: "Delete",
    done: "The user is deleted.",
    run: async (reason) => {
      await session.call(DeleteUserDocument, { id, email: user.email, reason });
      go(to("users"));
    },
  };
  return (
    <div className="acts" role="group" aria-label="What you can do">
      <button type="button" onClick={() => act(reset)}>
        Send password reset
      </button>
      {!user.emailVerified && (
        <button type="button" onClick={() => act(verify)}>
          Verify address
        </button>
      )}
      {user.disabled ? (
        <button type="button" onClick={() => act(enable)}>
          Enable
        </button>
      ) : (
        <button type="button" className="danger" onClick={() => act(disable)}>
          Disable
        </button>
      )}
      <button type="button" className="danger" onClick={() => act(remove)}>
        Delete
      </button>
    </div>
  );
}

function Sessions({ user, act }: { user: User; act: Do }) {
  const session = useSession();
  const { id } = user;
  const endAll: Act = {
    title: "End all sessions",
    consequences: <p>The user is signed out everywhere, and sign-ins under way end.</p>,
    verb: "End all",
    done: "All sessions have ended.",
    dangerous: true,
    run: (reason) => session.call(EndSessionsDocument, { id, reason }),
  };
  const endOne = (sessionId: string): Act => ({
    title: "End session",
    consequences: <p>The user is signed out there.</p>,
    verb: "End",
    done: "The session has ended.",
    dangerous: true,
    run: (reason) => session.call(EndSessionDocument, { id, sessionId, reason }),
  });
  return (
    <section>
      <header className="section-head">
        <h2>Sessions</h2>
        {user.sessions.length > 0 && (
          <button type="button" onClick={() => act(endAll)}>
            End all
          </button>
        )}
      </header>
      {user.sessions.length ? (
        <Table label="Sessions" head={["Last used", "From", "Signed in", "Ends", "Methods", ""]}>
          {user.sessions.map((one) => (
            <tr role="row" key={one.id}>
              <Cell of="Last used">
                <Time at={one.lastUsedAt} />
              </Cell>
              <Cell of="From">
                <Stranger>{one.address}</Stranger>
                <span className="hint">
                  <Stranger>{one.userAgent}</Stranger>
                </span>
              </Cell>
              <Cell of="Signed in">
                <Time at={one.createdAt} />
              </Cell>
              <Cell of="Ends">
                <Time at={one.expiresAt} />
              </Cell>
              <Cell of="Methods">{one.methods.join(", ")}</Cell>
              <Cell of="">
                <button type="button" onClick={() => act(endOne(one.id))}>
                  End
                </button>
              </Cell>
            </tr>
          ))}
        </Table>
      ) : (
        <Empty>The user is not signed in.</Empty>
      )}
    </section>
  );
}

function Factors({ user, act }: { user: User; act: Do }) {
  const session = useSession();
  const { id } = user;
  const reset: Act = {
    title: "Reset second factor",
    consequences: (
      <p>
        Authenticator app, passkeys and recovery codes are deleted, and all sessions end. A password
        alone is enough then. Make sure first that it is the user who asks.
      </p>
    ),
    verb: "Reset",
    done: "The second factor is reset.",
    dangerous: true,
    run: (reason) => session.call(ResetFactorsDocument, { id, reason }),
  };
  const lift: Act = {
    title: "Lift waits",
    consequences: <p>Failed attempts are forgotten, so that the user can try again at once.</p>,
    verb: "Lift",
    done: "Nobody has to wait any more.",
    run: (reason) => session.call(LiftThrottleDocument, { id, reason }),
  };
  return (
    <section>
      <header className="section-head">
        <h2>Factors and passkeys</h2>
        {user.factors.length > 0 && (
          <button type="button" className="danger" onClick={() => act(reset)}>
            Reset second factor
          </button>
        )}
      </header>
      {user.factors.length ? (
        <p>
          {factorWords(user.factors)}. Recovery codes left: {user.recoveryCodesLeft}.
        </p>
      ) : (
        <Empty>The user has no second factor.</Empty>
      )}
      {user.passkeys.length > 0 && (
        <Table label="Passkeys" head={["Nickname", "Added", "Last used", "Copy kept"]}>
          {user.passkeys.map((passkey) => (
            <tr role="row" key={passkey.id}>
              <Cell of="Nickname">
                <Stranger>{passkey.nickname}</Stranger>
              </Cell>
              <Cell of="Added">
                <Time at={passkey.createdAt} />
              </Cell>
              <Cell of="Last used">
                <Time at={passkey.lastUsedAt} />
              </Cell>
              <Cell of="Copy kept">{passkey.backedUp ? "yes" : "no"}</Cell>
            </tr>
          ))}
        </Table>
      )}
      {user.throttles.length > 0 && (
        <div className="notice warn">
          <ul>
            {user.throttles.map(({ what, until }) => (
              <li key={what}>
                The next {what} has to wait until <Time at={until} />.
              </li>
            ))}
          </ul>
          <button type="button" onClick={() => act(lift)}>
            Lift
          </button>
        </div>
      )}
    </section>
  );
}

function Roles({ user, act }: { user: User; act: Do }) {
  const session = useSession();
  const [text, setText] = useState(user.roles.join(", "));
  const [defaultRole, setDefaultRole] = useState(user.defaultRole);
  const roles = entries(text);
  const operator = roles.includes("admin") && !user.roles.includes("admin");
  const changed = roles.join() !== user.roles.join() || defaultRole.trim() !== user.defaultRole;

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

function Metadata({ user, act }: { user: User; act: Do }) {
  const session = useSession();
  const [before] = useState(() => indented(user.metadataJson));
  const [text, setText] = useState(before);
  const wrong = indented(text) === "" ? "This is not JSON. Write an object, or null." : undefined;

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
