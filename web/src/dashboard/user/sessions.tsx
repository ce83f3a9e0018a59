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
    consequences: (
      <p>
        The user is signed out everywhere, sign-ins under way end, and no browser is trusted any
        more.
      </p>
    ),
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
        {user.sessions.length + user.trustedDevices.length > 0 && (
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
      {user.trustedDevices.length > 0 && <TrustedBrowsers user={user} />}
    </section>
  );
}

/** Browsers that stand for the second factor. They end with the sessions. */
function TrustedBrowsers({ user }: { user: User }) {
  return (
    <>
      <h3>Trusted browsers</h3>
      <Table label="Trusted browsers" head={["From", "Since", "Last used", "Until"]}>
        {user.trustedDevices.map((device) => (
          <tr role="row" key={device.id}>
            <Cell of="From">
              <Stranger>{device.address}</Stranger>
              <span className="hint">
                <Stranger>{device.userAgent}</Stranger>
              </span>
            </Cell>
            <Cell of="Since">
              <Time at={device.createdAt} />
            </Cell>
            <Cell of="Last used">
              <Time at={device.lastUsedAt} none="never" />
            </Cell>
            <Cell of="Until">
              <Time at={device.expiresAt} />
            </Cell>
          </tr>
        ))}
      </Table>
    </>
  );
}
