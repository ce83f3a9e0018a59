// GraphiQL with Postern's story in its tabs, and a panel that says who is signed in.
import "./policy.js";
import "./workers.js";
import "graphiql/style.css";
import "./graphiql.css";
import { GraphiQL, HISTORY_PLUGIN } from "graphiql";
import { DOC_EXPLORER_PLUGIN } from "@graphiql/plugin-doc-explorer";
import { useEffect, useState, useSyncExternalStore } from "react";
import { createRoot } from "react-dom/client";
import { change, current, fetcher, storage, subscribe } from "./session.js";
import { STORY } from "./story.js";

const time = (date) => date.toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" });

function Panel() {
  const { session, ticket, enrolment } = useSyncExternalStore(subscribe, current);
  return (
    <section className="postern" aria-label="Session">
      <h2>Session</h2>
      <div role="status">
        {session ? (
          <p>
            Signed in{session.email && <> as <strong>{session.email}</strong></>} until{" "}
            {time(session.until)}. The access token goes along with every operation, in the{" "}
            <code>Authorization</code> header.
          </p>
        ) : (
          <p>Nobody is signed in. Run the tabs from left to right.</p>
        )}
        {ticket && <p>A sign-in waits for its code. Its ticket is filled in where it is empty.</p>}
      </div>
      {session && (
        <button type="button" className="graphiql-button" onClick={() => change({ session: null })}>
          Forget the session
        </button>
      )}
      {enrolment && (
        <figure>
          <img src={enrolment.imageUrl} alt="QR code of the secret, for an authenticator app" />
          <figcaption>
            Scan it with an authenticator app
            {enrolment.totpSecret && <>, or type <code>{enrolment.totpSecret}</code></>}. Then run{" "}
            <em>Activate</em> with the code that it shows.
          </figcaption>
        </figure>
      )}
      <h3>The story</h3>
      <ol>
        {STORY.map(({ name, says }) => (
          <li key={name}>
            <strong>{name}</strong>: {says}
          </li>
        ))}
      </ol>
    </section>
  );
}

const Icon = () => (
  <svg viewBox="0 0 24 24" fill="none" stroke="currentColor" strokeWidth="1.5" aria-hidden="true">
    <path d="M6 21V10a6 6 0 0 1 12 0v11M4 21h16M14.5 14v2" strokeLinecap="round" />
  </svg>
);

const SESSION_PLUGIN = { title: "Session", icon: Icon, content: Panel };
const PLUGINS = [SESSION_PLUGIN, HISTORY_PLUGIN];
const TABS = STORY.map(({ query, variables }) => ({
  query,
  variables: JSON.stringify(variables, null, 2),
}));

function Playground() {
  const { enrolment } = useSyncExternalStore(subscribe, current);
  const [visible, setVisible] = useState(SESSION_PLUGIN);
  useEffect(() => {
    if (enrolment) setVisible(SESSION_PLUGIN); // its QR code is there
  }, [enrolment]);
  return (
    <GraphiQL
      fetcher={fetcher}
      storage={storage}
      defaultTabs={TABS}
      initialVariables={TABS[0].variables}
      defaultEditorToolsVisibility="variables"
      plugins={PLUGINS}
      referencePlugin={DOC_EXPLORER_PLUGIN}
      visiblePlugin={visible}
      onTogglePluginVisibility={setVisible}
      shouldPersistHeaders={false}
      showPersistHeadersSettings={false}
    >
      <GraphiQL.Logo>
        <h1 className="postern-name">Postern</h1>
      </GraphiQL.Logo>
    </GraphiQL>
  );
}

createRoot(document.getElementById("graphiql")).render(<Playground />);
