// The second factors of a user, and what has to wait after failed attempts.
import type { Act } from "../acts";
import { useSession } from "../context";
import { LiftThrottleDocument, PolicyDocument, ResetFactorsDocument } from "../generated/admin";
import { POLICY, POLICY_ROLES } from "../settings/cards";
import { entries } from "../settings/values";
import { Cell, Table } from "../tables";
import { Empty, Stranger, Time, Waiting } from "../ui";
import { useQuery } from "../use_query";
import type { Do, User } from "./types";
import { factorWords } from "../words";

export function Factors({ user, act }: { user: User; act: Do }) {
  const session = useSession();
  const { id } = user;
  const reset: Act = {
    title: "Reset second factor",
    consequences: (
      <>
        <p>Authenticator app, passkeys and recovery codes are deleted.</p>
        <p>All sessions end, and no browser is trusted any more.</p>
        <Afterwards user={user} />
        <p>Make sure first that it is the user who asks.</p>
      </>
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

/** How the user signs in after a reset. */
function Afterwards({ user }: { user: User }) {
  const policy = useQuery(PolicyDocument, {});
  if (!policy.data) return <Waiting of={policy} what="the policy" />;
  const { all } = policy.data.settings;
  const value = (name: string) => all.find((setting) => setting.name === name)?.value ?? "";
  const roles = value(POLICY) === "optional" ? entries(value(POLICY_ROLES)) : [];
  const required = value(POLICY) === "required" || roles.some((role) => user.roles.includes(role));
  return required ? (
    <p>
      The policy requires a second factor: the user sets up another one at the next sign-in, or when
      their grace period ends.
    </p>
  ) : (
    <p>The user then signs in without a second factor.</p>
  );
}
