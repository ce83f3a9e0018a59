// Who has to set up a second factor once a policy requires it.
import { useEffect, useMemo } from "react";
import { useSettled } from "../fields";
import { WithoutFactorDocument, type WithoutFactorQuery } from "../generated/admin";
import { to } from "../router";
import { Stranger, Time, Waiting } from "../ui";
import { useQuery } from "../use_query";

/** The search counts at this moment, but only up to here. */
const COUNTED_TO = 1000;

/**
 * Who would have to enrol a factor: of everybody, or of some roles. It is counted when this is
 * shown, and must be on the screen before a factor can be required.
 */
export function Affected({ roles, onShown }: { roles: string[]; onShown?: () => void }) {
  const settled = useSettled(roles.join());
  if (!roles.length) {
    return (
      <div className="notice warn">
        <Without role={null} onShown={onShown} />
      </div>
    );
  }
  return (
    <div className="notice warn">
      <p>They have no second factor yet, and have to set one up when they sign in:</p>
      <ul>
        {settled
          .split(",")
          .filter(Boolean)
          .map((role) => (
            <li key={role}>
              <Without role={role} onShown={onShown} />
            </li>
          ))}
      </ul>
    </div>
  );
}

/** How many users have no second factor, with a link to them. */
function Without({ role, onShown }: { role: string | null; onShown: (() => void) | undefined }) {
  const counted = useQuery(WithoutFactorDocument, { role });
  const { data } = counted;
  const [count, at] = useMemo(() => (data ? latest(data, role) : [0, null]), [data, role]);
  useEffect(() => {
    if (data) onShown?.();
  }, [data]);
  if (!data) return <Waiting of={counted} what="who would be affected" />;
  const list = to("users", { factor: "false", disabled: "false", role: role ?? "" });
  const users = `${count.toLocaleString("en")} ${count === 1 ? "user" : "users"}`;
  const asOf = (
    <>
      As of <Time at={at} />.
    </>
  );
  if (role !== null) {
    return (
      <>
        <Stranger>{role}</Stranger>: {count ? <a href={list}>{users}</a> : "everybody has one"}.{" "}
        {asOf}
      </>
    );
  }
  return (
    <>
      {count ? (
        <p>
          <a href={list}>{users} without a second factor</a>: they set one up at their next sign-in,
          or when their grace period ends.
        </p>
      ) : (
        <p>Everybody has a second factor.</p>
      )}
      <p>{asOf}</p>
    </>
  );
}

/** Return a count, and when it was made: now, or for many users with the last figures. */
function latest(
  { users, figures }: WithoutFactorQuery,
  role: string | null,
): [number, string | null] {
  if (users.totalCount < COUNTED_TO) return [users.totalCount, new Date().toISOString()];
  const found = figures.withoutFactor.find((one) => one.role === role)?.count;
  const count = role === null ? figures.enabledWithoutFactor : (found ?? 0);
  return [Math.max(count, COUNTED_TO), figures.countedAt];
}
