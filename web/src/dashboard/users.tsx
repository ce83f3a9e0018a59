// Everybody who has an account: search, filters, pages.
import { useState } from "react";
import { useSession } from "./context";
import { CreateUserDocument, UserOrder, UsersDocument } from "./generated/admin";
import { go, to, useFilters } from "./router";
import { ActDialog } from "./acts";
import { Choice, Field, useSettled } from "./fields";
import { Cell, Table, usePages } from "./tables";
import { Empty, Loading, Nothing, PageHead, Refresh, Stranger, Tag, Time } from "./ui";
import { useQuery } from "./use_query";
import { factorWords } from "./words";

const COUNTED_TO = 1000;
const ANY = ["", "any"] as const;
const STATES = [ANY, ["true", "disabled"], ["false", "enabled"]] as const;
const VERIFIED = [ANY, ["true", "verified"], ["false", "unverified"]] as const;
const FACTOR = [ANY, ["true", "with a factor"], ["false", "without"]] as const;
const ORDERS = [
  [UserOrder.Newest, "Newest first"],
  [UserOrder.Oldest, "Oldest first"],
  [UserOrder.Email, "By e-mail address"],
] as const;

function flag(text: string | undefined): boolean | null {
  return text ? text === "true" : null;
}

export function UsersPage() {
  const [filters, set] = useFilters("users");
  const [creating, setCreating] = useState(false);
  const settled = useSettled(filters);
  const order = ORDERS.find(([order]) => order === settled.order)?.[0] ?? UserOrder.Newest;
  const filter = {
    text: settled.text?.trim() || null,
    disabled: flag(settled.disabled),
    emailVerified: flag(settled.verified),
    hasSecondFactor: flag(settled.factor),
    role: settled.role?.trim() || null,
  };
  const { after, pager } = usePages();
  const users = useQuery(UsersDocument, { filter, order, after });

  return (
    <>
      <PageHead title="Users">
        <Refresh />
        <button type="button" className="primary" onClick={() => setCreating(true)}>
          Create user
        </button>
      </PageHead>
      <form className="filters" role="search" onSubmit={(event) => event.preventDefault()}>
        <Field
          label="Search"
          type="search"
          placeholder="E-mail address, name or id"
          value={filters.text ?? ""}
          onChange={(event) => set("text")(event.target.value)}
        />
        <Choice
          label="State"
          value={filters.disabled ?? ""}
          options={STATES}
          onChange={set("disabled")}
        />
        <Choice
          label="Address"
          value={filters.verified ?? ""}
          options={VERIFIED}
          onChange={set("verified")}
        />
        <Choice
          label="Second factor"
          value={filters.factor ?? ""}
          options={FACTOR}
          onChange={set("factor")}
        />
        <Field
          label="Role"
          value={filters.role ?? ""}
          onChange={(event) => set("role")(event.target.value)}
        />
        <Choice
          label="Order"
          value={filters.order ?? UserOrder.Newest}
          options={ORDERS}
          onChange={set("order")}
        />
      </form>
      <Loading of={users} what="users">
        {({ users: { edges, pageInfo, totalCount } }) => (
          <>
            <p className="count" role="status">
              {totalCount >= COUNTED_TO ? `${COUNTED_TO} or more` : totalCount}{" "}
              {totalCount === 1 ? "user" : "users"}
            </p>
            {edges.length ? (
              <Table
                label="Users"
                head={[
                  "E-mail address",
                  "Name",
                  "State",
                  "Second factor",
                  "Last signed in",
                  "Made",
                ]}
              >
                {edges.map(({ node: user }) => (
                  <tr role="row" key={user.id}>
                    <Cell of="E-mail address">
                      <a href={to(`users/${user.id}`)}>
                        <Stranger>{user.email}</Stranger>
                      </a>
                    </Cell>
                    <Cell of="Name">
                      <Stranger>{user.displayName}</Stranger>
                    </Cell>
                    <Cell of="State">
                      <UserTags user={user} />
                    </Cell>
                    <Cell of="Second factor">{factorWords(user.factors) || <Nothing />}</Cell>
                    <Cell of="Last signed in">
                      <Time at={user.lastSignedInAt} />
                    </Cell>
                    <Cell of="Made">
                      <Time at={user.createdAt} />
                    </Cell>
                  </tr>
                ))}
              </Table>
            ) : (
              <Empty>No user is like that.</Empty>
            )}
            {pager(pageInfo)}
          </>
        )}
      </Loading>
      {creating && <CreateUser onClose={() => setCreating(false)} />}
    </>
  );
}

/** What is special about an account: most are enabled and verified, and say nothing. */
export function UserTags({
  user,
}: {
  user: { disabled: boolean; emailVerified: boolean; roles: string[] };
}) {
  const { disabled, emailVerified, roles } = user;
  if (!disabled && emailVerified && !roles.includes("admin")) return null;
  return (
    <span className="tags">
      {disabled && <Tag tone="bad">disabled</Tag>}
      {!emailVerified && <Tag tone="warn">unverified</Tag>}
      {roles.includes("admin") && <Tag>operator</Tag>}
    </span>
  );
}

function CreateUser({ onClose }: { onClose: () => void }) {
  const session = useSession();
  const [email, setEmail] = useState("");
  const [displayName, setDisplayName] = useState("");
  const [checked, setChecked] = useState(false);
  const wrong = !/^[^@\s]+@[^@\s]+$/.test(email.trim());
  const fields = (
    <>
      <Field
        label="E-mail address"
        type="email"
        required
        marked
        error={checked && wrong ? "Enter an e-mail address." : undefined}
        data-first
        value={email}
        onChange={(event) => setEmail(event.target.value)}
      />
      <Field
        label="Name"
        hint="The e-mail address without one."
        value={displayName}
        onChange={(event) => setDisplayName(event.target.value)}
      />
    </>
  );
  return (
    <ActDialog
      act={{
        title: "Create user",
        consequences: (
          <p>The account has no password. Its user gets a mail with a link to set one.</p>
        ),
        fields,
        check: () => {
          setChecked(true);
          return wrong;
        },
        verb: "Create",
        done: "The user is created, and a mail is on its way.",
        run: async (reason) => {
          const variables = { email, displayName: displayName || null, reason };
          const { createUser } = await session.call(CreateUserDocument, variables);
          go(to(`users/${createUser.id}`));
        },
      }}
      onClose={onClose}
    />
  );
}
