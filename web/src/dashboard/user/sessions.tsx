// Where a user is signed in.
import type { Act } from "../acts";
import { useSession } from "../context";
import { EndSessionDocument, EndSessionsDocument } from "../generated/admin";
import { Cell, Table } from "../tables";
import { Empty, Stranger, Time } from "../ui";
import type { Do, User } from "./types";

export function Sessions({ user, act }: { user: User; act: Do }) {
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
