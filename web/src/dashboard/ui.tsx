// What every page shows: strangers' text, times, headings, and what stands in for data.
import { Fragment, type ReactNode } from "react";
import type { ApiError } from "./api";
import { useFreshness } from "./context";
import { rescueFocus } from "./focus";
import type { Loaded } from "./use_query";

/** Characters that show nothing or turn text around; but not the joiners that scripts need. */
const UNSEEN = /([\p{Cc}\u00ad\u061c\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff])/u;

function named(character: string): string {
  return `U+${character.charCodeAt(0).toString(16).toUpperCase().padStart(4, "0")}`;
}

/** Return text with the names of the characters that one would not see. */
export function visible(text: string): string {
  return text
    .split(UNSEEN)
    .map((part, index) => (index % 2 ? `[${named(part)}]` : part))
    .join("");
}

/**
 * Text that a stranger may have typed: kept in its own direction, wrapped where it must, and with
 * the names of the characters that one would not see.
 */
export function Stranger({ children }: { children: string | null | undefined }) {
  if (!children) return <Nothing />;
  return (
    <bdi className="stranger">
      {children.split(UNSEEN).map((part, index) =>
        index % 2 ? (
          <span key={index} className="control">
            {named(part)}
          </span>
        ) : (
          part
        ),
      )}
    </bdi>
  );
}

/** The name of a setting. It breaks after an underscore only. */
export function Name({ children }: { children: string }) {
  return (
    <code className="name">
      {children.split(/(?<=_)/).map((part, index) => (
        <Fragment key={index}>
          {part}
          <wbr />
        </Fragment>
      ))}
    </code>
  );
}

/** Stands where a list has no value. */
export function Nothing() {
  return <span className="faint">–</span>;
}

const exact = new Intl.DateTimeFormat("en", { dateStyle: "full", timeStyle: "long" });
const short = new Intl.DateTimeFormat("en", { dateStyle: "medium", timeStyle: "short" });
const thisYear = new Intl.DateTimeFormat("en", {
  month: "short",
  day: "numeric",
  hour: "numeric",
  minute: "2-digit",
});

/** A time in the reader's zone; the exact one is in its title. */
export function Time({ at, none = "never" }: { at: string | null | undefined; none?: string }) {
  if (!at) return <span className="faint">{none}</span>;
  const time = new Date(at);
  const format = time.getFullYear() === new Date().getFullYear() ? thisYear : short;
  return (
    <time dateTime={at} title={exact.format(time)}>
      {format.format(time)}
    </time>
  );
}

/** A page's heading, and what can be done with the whole page. */
export function PageHead({
  title,
  about,
  children,
}: {
  title: ReactNode;
  about?: ReactNode;
  children?: ReactNode;
}) {
  return (
    <header className="page-head">
      <div>
        <h1 tabIndex={-1}>{title}</h1>
        {about && <p>{about}</p>}
      </div>
      {children && <div className="acts">{children}</div>}
    </header>
  );
}

/** Loads the page's data again. It is never disabled, since that would take the focus from it. */
export function Refresh() {
  const { refresh } = useFreshness();
  return (
    <button type="button" onClick={refresh}>
      Refresh
    </button>
  );
}

/** A message that something was refused. */
export function Refused({ error, id }: { error: ApiError | undefined; id?: string }) {
  return (
    <div role="alert" id={id}>
      {error && <p className="notice bad">{error.message}</p>}
    </div>
  );
}

/** What stands in for data: it loads, it failed, or it may not be seen. */
export function Waiting({ of, what }: { of: Loaded<unknown>; what: string }) {
  if (of.error) {
    const forbidden = of.error.code === "NOT_AN_OPERATOR";
    return (
      <div className="state" role="alert">
        <p>
          {forbidden ? "You may not see this: your account has no role “admin”." : of.error.message}
        </p>
        {!forbidden && (
          <button type="button" onClick={() => void of.reload().then(rescueFocus)}>
            Try again
          </button>
        )}
      </div>
    );
  }
  return (
    <p className="state" role="status">
      Loading {what}…
    </p>
  );
}

/** Data once it is there; what went wrong with a later question is above it. */
export function Loading<Result>({
  of,
  what,
  children,
}: {
  of: Loaded<Result>;
  what: string;
  children: (data: Result) => ReactNode;
}) {
  if (of.data === undefined) return <Waiting of={of} what={what} />;
  return (
    <div className={of.loading ? "loaded again" : "loaded"} aria-busy={of.loading}>
      {of.error && <Waiting of={of} what={what} />}
      {children(of.data)}
    </div>
  );
}

export function Empty({ children }: { children: ReactNode }) {
  return <p className="state">{children}</p>;
}

/** A short word about a state. */
export function Tag({ tone, children }: { tone?: "good" | "bad" | "warn"; children: ReactNode }) {
  return <span className={`tag ${tone ?? ""}`}>{children}</span>;
}
