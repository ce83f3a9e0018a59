// The frame around the pages: the navigation, and which page is shown.
import { type ReactNode, useEffect, useMemo, useRef, useState } from "react";
import { FreshContext, useSession } from "./context";
import { EventsPage } from "./events";
import { KeysPage } from "./keys";
import { MailPage } from "./mail";
import { OverviewPage } from "./overview";
import { useRoute, to } from "./router";
import { AllSettingsPage } from "./settings/all";
import { AUTHENTICATION, RATE_LIMITS, SIGN_IN_METHODS } from "./settings/cards";
import { HistoryPage } from "./settings/history";
import { SettingsPage } from "./settings/page";
import { Empty, PageHead, Stranger } from "./ui";
import { Leaving, leave } from "./unsaved";
import { UserPage } from "./user/page";
import { UsersPage } from "./users";

interface Place {
  path: string;
  title: string;
  page: ReactNode;
}

const PLACES: Place[] = [
  { path: "overview", title: "Overview", page: <OverviewPage /> },
  { path: "users", title: "Users", page: <UsersPage /> },
  { path: "events", title: "Events", page: <EventsPage /> },
  { path: "mail", title: "Mail", page: <MailPage /> },
  { path: "keys", title: "Keys", page: <KeysPage /> },
];
const SETTINGS: Place[] = [
  {
    path: "settings/authentication",
    title: "Authentication",
    page: <SettingsPage key="authentication" title="Authentication" cards={AUTHENTICATION} />,
  },
  {
    path: "settings/sign-in-methods",
    title: "Sign-In Methods",
    page: <SettingsPage key="methods" title="Sign-In Methods" cards={SIGN_IN_METHODS} />,
  },
  {
    path: "settings/rate-limits",
    title: "Rate Limits",
    page: <SettingsPage key="limits" title="Rate Limits" cards={RATE_LIMITS} />,
  },
  { path: "settings/all", title: "All settings", page: <AllSettingsPage /> },
  { path: "settings/history", title: "History", page: <HistoryPage /> },
];

export function Frame({ onSignOut }: { onSignOut: () => void }) {
  const session = useSession();
  const { path } = useRoute();
  const here = path.join("/") || "overview";
  const [menu, setMenu] = useState(false);
  const [round, setRound] = useState(0);
  const freshness = useMemo(
    () => ({ round, refresh: () => setRound((last) => last + 1) }),
    [round],
  );
  const follow = (path: string) => {
    setMenu(false);
    // A link to the page that is shown leads nowhere: it loads the page's data again.
    if (path === here) freshness.refresh();
  };
  const main = useRef<HTMLElement>(null);
  const opener = useRef<HTMLButtonElement>(null);
  const [place, page] = placeOf(path);
  useEffect(() => {
    document.title = `${place} – Postern`;
    setMenu(false);
    window.scrollTo(0, 0);
    // Screen readers follow the focus.
    main.current?.querySelector<HTMLElement>("h1")?.focus();
  }, [here, place]);

  return (
    <div className="frame">
      <a
        className="skip"
        href="#main"
        onClick={(event) => {
          event.preventDefault();
          main.current?.querySelector<HTMLElement>("h1")?.focus();
        }}
      >
        Skip to the page
      </a>
      <header
        className="side"
        onKeyDown={(event) => {
          if (event.key !== "Escape" || !menu) return;
          setMenu(false);
          opener.current?.focus();
        }}
      >
        <div className="top">
          <a className="brand" href={to("overview")}>
            Postern
          </a>
          <button
            ref={opener}
            type="button"
            className="menu"
            aria-expanded={menu}
            aria-controls="navigation"
            onClick={() => setMenu(!menu)}
          >
            Menu
          </button>
        </div>
        <div id="navigation" className={menu ? "nav open" : "nav"}>
          <nav aria-label="Pages of the dashboard">
            <Links places={PLACES} here={here} onFollow={follow} />
            <h2>Settings</h2>
            <Links places={SETTINGS} here={here} onFollow={follow} />
          </nav>
          <div className="who">
            <Stranger>{session.user.email}</Stranger>
            <button type="button" className="quiet" onClick={() => leave(onSignOut)}>
              Sign out
            </button>
          </div>
        </div>
      </header>
      <main ref={main} id="main">
        <FreshContext value={freshness}>{page}</FreshContext>
      </main>
      <Leaving />
    </div>
  );
}

function Links({
  places,
  here,
  onFollow,
}: {
  places: Place[];
  here: string;
  onFollow: (path: string) => void;
}) {
  return (
    <ul>
      {places.map(({ path, title }) => {
        const current = here === path ? "page" : here.startsWith(`${path}/`) ? "true" : undefined;
        return (
          <li key={path}>
            <a href={to(path)} aria-current={current} onClick={() => onFollow(path)}>
              {title}
            </a>
          </li>
        );
      })}
    </ul>
  );
}

function placeOf(path: string[]): [string, ReactNode] {
  const here = path.join("/") || "overview";
  if (here === "settings") return placeOf(["settings", "authentication"]);
  const found = [...PLACES, ...SETTINGS].find((place) => place.path === here);
  if (found) return [found.title, found.page];
  const [kind, id] = path;
  if (kind === "users" && id) return ["User", <UserPage key={id} id={id} />];
  return [
    "Not found",
    <>
      <PageHead title="Not found" />
      <Empty>
        There is no such page. Go to the <a href={to("overview")}>overview</a>.
      </Empty>
    </>,
  ];
}
