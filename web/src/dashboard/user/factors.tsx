// The second factors of a user, and what has to wait after failed attempts.
import type { Act } from "../acts";
import { useSession } from "../context";
import { LiftThrottleDocument, ResetFactorsDocument } from "../generated/admin";
import { Cell, Table } from "../tables";
import { Empty, Stranger, Time } from "../ui";
import type { Do, User } from "./types";
import { factorWords } from "../words";

export function Factors({ user, act }: { user: User; act: Do }) {
  const session = useSession();
  const { id } = user;
  const reset: Act = {
    title: "Reset second factor",
    consequences: (
      <p>
        Authenticator app, passkeys and recovery codes are deleted, and all sessions end. A password
        alone is enough then, unless a second factor is required: then they set up another one. All
        sessions end, and no browser is trusted any more. Make sure first that it is the user who asks.
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
