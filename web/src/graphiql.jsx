// GraphiQL with Postern's story in its tabs, and a panel that shows who is signed in.
import "./policy.js";
import "./workers.js";
import "graphiql/style.css";
import "./graphiql.css";
import { GraphiQL, HISTORY_PLUGIN } from "graphiql";
import { DOC_EXPLORER_PLUGIN } from "@graphiql/plugin-doc-explorer";
import { useGraphiQL, useGraphiQLActions } from "@graphiql/react";
import { useEffect, useRef, useState, useSyncExternalStore } from "react";
import { createRoot } from "react-dom/client";
import { current, fetcher, forget, storage, subscribe } from "./session.js";
import { STORY } from "./story.js";

const time = (date) => date.toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" });

function Panel() {
  const { session, email, ticket, enrolment, problem } = useSyncExternalStore(subscribe, current);
  const picture = useRef(null);
  useEffect(() => {
    picture.current?.scrollIntoView({ block: "nearest" });
  }, [enrolment]);
  return (
    <section className="postern" aria-label="Session">
      <h2>Session</h2>
      <div role="status">
        {session ? (
          <p>
            Signed in{email && <> as <strong>{email}</strong></>} until{" "}
            {time(session.until)}. The access token goes along with every operation, in the{" "}
            <code>Authorization</code> header.
          </p>
        ) : (
          <p>Nobody is signed in. Run the tabs from left to right.</p>
        )}
        {problem && <p>{problem}</p>}
        {ticket && <p>A sign-in waits for its code. Its ticket is filled in where it is empty.</p>}
      </div>
      {session && (
        <button type="button" className="graphiql-button" onClick={() => void forget()}>
          Sign out and forget
        </button>
      )}
      {enrolment && (
        <figure ref={picture}>
          <img src={enrolment.imageUrl} alt="QR code of the secret, for an authenticator app" />
          <figcaption>
            Scan it with an authenticator app
            {enrolment.otpauthUrl?.startsWith("otpauth://") && (
              <span className="postern-on-phones">
                , <a href={enrolment.otpauthUrl}>open it in the one on this phone</a>
              </span>
            )}
            {enrolment.totpSecret && <>, or type <code>{enrolment.totpSecret}</code></>}. Then run{" "}
            <em>Activate</em> with the code that it shows.
          </figcaption>
        </figure>
      )}
      <h3>The story</h3>
      <Story />
    </section>
  );
}

/** A list of the tabs that also opens them, since a narrow screen shows only a few tabs. */
function Story() {
  const tabs = useGraphiQL((state) => state.tabs);
  const active = useGraphiQL((state) => state.activeTabIndex);
  const { changeTab } = useGraphiQLActions();
  useEffect(() => {
    const tab = document.getElementById(`graphiql-session-tab-${active}`);
    tab?.scrollIntoView({ block: "nearest", inline: "nearest" });
  }, [active]);
  return (
    <>
      <p>Variables that are empty are filled in where an earlier answer has told them.</p>
      <ol>
        {STORY.map(({ name, says, sendsMail }) => {
          const index = tabs.findIndex(({ title }) => title === name);
          return (
            <li key={name}>
              <button
                type="button"
                aria-label={`Open ${name}`}
                aria-current={index === active ? "step" : undefined}
                disabled={index < 0}
                onClick={() => changeTab(index)}
              >
                {name}
              </button>
              : {says}
              {sendsMail && (
                <>
                  {" "}
                  Without a mail server, it is in the{" "}
                  <a href="mailbox" target="_blank" rel="noopener">
                    mailbox
                  </a>
                  .
                </>
              )}
            </li>
          );
        })}
      </ol>
    </>
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

/** On a phone the response is further down: scroll to it, unless there is a QR code to show. */
async function run(operation, options) {
  const before = current().enrolment;
  const answer = await fetcher(operation, options);
  const { enrolment } = current();
  const isOfEditor = operation.operationName !== "IntrospectionQuery";
  if (isOfEditor && (!enrolment || enrolment === before))
    document.querySelector(".graphiql-response")?.scrollIntoView({ block: "nearest" });
  return answer;
}

function Playground() {
  const { enrolment } = useSyncExternalStore(subscribe, current);
  const [visible, setVisible] = useState(SESSION_PLUGIN);
  useEffect(() => {
    if (enrolment) setVisible(SESSION_PLUGIN); // its QR code is there
  }, [enrolment]);
  return (
    <GraphiQL
      fetcher={run}
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
