// What happened, to whomever; and the same list for one user.
import {
  type EventFilter,
  EventsDocument,
  type EventsQuery,
  SecurityEventType,
  UserWithEmailDocument,
} from "./generated/admin";
import { to, useFilters } from "./router";
import { Choice, Field, useSettled } from "./fields";
import { Cell, Table, usePages } from "./tables";
import { Empty, Loading, Name, Nothing, PageHead, Refresh, Stranger, Time, Waiting } from "./ui";
import { useQuery } from "./use_query";
import { eventWords } from "./words";

type Event = EventsQuery["securityEvents"]["edges"][number]["node"];

const TYPES = Object.values(SecurityEventType).sort();
const TYPE_OPTIONS = [
  ["", "any"],
  ...TYPES.map((type) => [type, eventWords(type)] as const),
] as const;

export function EventsPage() {
  const [filters, set] = useFilters("events");
  const settled = useSettled(filters);
  const type = TYPES.find((type) => type === settled.type);
  return (
    <>
      <PageHead title="Events" about="What happened on this server, the newest first.">
        <Refresh />
      </PageHead>
      <form className="filters" role="search" onSubmit={(event) => event.preventDefault()}>
        <Choice
          label="What happened"
          value={filters.type ?? ""}
          options={TYPE_OPTIONS}
          onChange={set("type")}
        />
        <Field
          label="User"
          placeholder="E-mail address or id"
          value={filters.user ?? ""}
          onChange={(event) => set("user")(event.target.value)}
        />
        <Field
          label="Network address"
          value={filters.address ?? ""}
          onChange={(event) => set("address")(event.target.value)}
        />
        <Field
          label="Since"
          type="datetime-local"
          value={local(filters.since)}
          onChange={(event) => set("since")(instant(event.target.value))}
        />
        <Field
          label="Until"
          type="datetime-local"
          value={local(filters.until)}
          onChange={(event) => set("until")(instant(event.target.value))}
        />
      </form>
      <EventsOf
        user={settled.user?.trim() ?? ""}
        filter={{
          types: type ? [type] : null,
          address: settled.address?.trim() || null,
          since: settled.since || null,
          until: settled.until || null,
        }}
      />
    </>
  );
}

/** The events of a user, by their address or id; of everybody without one. */
function EventsOf({ user, filter }: { user: string; filter: EventFilter }) {
  if (user.includes("@")) return <EventsOfAddress email={user} filter={filter} />;
  return <EventList filter={{ ...filter, userId: user || null }} />;
}

function EventsOfAddress({ email, filter }: { email: string; filter: EventFilter }) {
  const found = useQuery(UserWithEmailDocument, { email });
  if (!found.data || found.loading) return <Waiting of={found} what="the user" />;
  const user = found.data.users.edges[0]?.node;
  if (!user) return <Empty>No user has this e-mail address.</Empty>;
  return <EventList filter={{ ...filter, userId: user.id }} />;
}

/** Return an instant as a field shows it: in the reader's time zone. */
function local(instant: string | undefined): string {
  const time = new Date(instant ?? "");
  if (Number.isNaN(time.getTime())) return "";
  time.setMinutes(time.getMinutes() - time.getTimezoneOffset());
  return time.toISOString().slice(0, 16);
}

function instant(local: string): string {
  const time = new Date(local);
  return Number.isNaN(time.getTime()) ? "" : time.toISOString();
}

/** Events that a filter lets through, page by page. `ofUser`: they are all of one user. */
export function EventList({ filter, ofUser = false }: { filter: EventFilter; ofUser?: boolean }) {
  const { after, pager } = usePages();
  const events = useQuery(EventsDocument, { filter, after });
  return (
    <Loading of={events} what="events">
      {({ securityEvents: { edges, pageInfo } }) => (
        <>
          {edges.length ? (
            <Table
              label="Events"
              head={["When", "What", ...(ofUser ? [] : ["User"]), "From", "Operator and reason"]}
            >
              {edges.map(({ node }) => (
                <EventRow key={node.id} event={node} ofUser={ofUser} />
              ))}
            </Table>
          ) : (
            <Empty>Nothing like that has happened.</Empty>
          )}
          {pager(pageInfo)}
        </>
      )}
    </Loading>
  );
}

function EventRow({ event, ofUser }: { event: Event; ofUser: boolean }) {
  return (
    <tr role="row">
      <Cell of="When">
        <Time at={event.createdAt} />
      </Cell>
      <Cell of="What">
        {eventWords(event.type)}
        {event.detail && (
          <span className="hint">
            <Name>{event.detail}</Name>
          </span>
        )}
      </Cell>
      {!ofUser && (
        <Cell of="User">
          {event.userId ? (
            <a href={to(`users/${event.userId}`)}>
              <Stranger>{event.email ?? event.userId}</Stranger>
            </a>
          ) : (
            <Stranger>{event.email}</Stranger>
          )}
        </Cell>
      )}
      <Cell of="From">
        <Stranger>{event.address}</Stranger>
        {event.userAgent && (
          <span className="hint">
            <Stranger>{event.userAgent}</Stranger>
          </span>
        )}
      </Cell>
      <Cell of="Operator and reason">
        {event.operatorId || event.reason ? (
          <>
            {event.operatorId && (
              <a href={to(`users/${event.operatorId}`)}>
                <Stranger>{event.operator ?? "an operator who is gone"}</Stranger>
              </a>
            )}{" "}
            <Stranger>{event.reason}</Stranger>
          </>
        ) : (
          <Nothing />
        )}
      </Cell>
    </tr>
  );
}
