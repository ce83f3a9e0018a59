// One user: what is known, and what an operator may do.
import { useEffect, useState } from "react";
import { useAct } from "../acts";
import { EventList } from "../events";
import { UserDocument } from "../generated/admin";
import { to } from "../router";
import { Empty, Loading, PageHead, Refresh, Stranger, Time, visible } from "../ui";
import { useQuery } from "../use_query";
import { Acts } from "./acts";
import { Factors } from "./factors";
import { Metadata, Roles } from "./forms";
import { Sessions } from "./sessions";
import type { Do, User } from "./types";
import { UserTags } from "../users";
import { factorWords } from "../words";

export function UserPage({ id }: { id: string }) {
  const found = useQuery(UserDocument, { id });
  const [changes, setChanges] = useState(0);
  const [dialog, open] = useAct(async () => {
    await found.reload();
    setChanges((count) => count + 1);
  });
  const email = found.data?.user.email;
  useEffect(() => {
    if (email) document.title = `${visible(email)} – Postern`;
  }, [email]);
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
  const user = found.data?.user;
  const act: Do = (one) => open({ ...one, about: user?.email });
  return (
    <>
      <PageHead
        title={user ? <Stranger>{user.email}</Stranger> : "User"}
        about={
          <>
            <a href={to("users")}>All users</a> {user && <UserTags user={user} />}
          </>
        }
      >
        <Refresh />
      </PageHead>
      <Loading of={found} what="the user">
        {({ user }) => (
          <>
            <Facts user={user} />
            <Acts user={user} act={act} />
            <Sessions user={user} act={act} />
            <Factors user={user} act={act} />
            <Roles key={`roles ${user.roles.join()} ${user.defaultRole}`} user={user} act={act} />
            <Metadata key={`metadata ${user.metadataJson}`} user={user} act={act} />
            <section>
              <h2>Security events</h2>
              <EventList key={changes} filter={{ userId: user.id }} ofUser />
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
      <dt>E-mail address</dt>
      <dd>
        <Stranger>{user.email}</Stranger>
      </dd>
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
      <dd>{user.hasPassword ? "set" : "not set"}</dd>
      <dt>Second factor</dt>
      <dd>{factorWords(user.factors) || "not set up"}</dd>
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
