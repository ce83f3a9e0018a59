// Where the reader is, in the part of the address after #. The server sees none of it.
import { useEffect, useRef, useState, useSyncExternalStore } from "react";

export interface Route {
  /** The parts of the path: `#/users/42?after=x` has `["users", "42"]`. */
  path: string[];
  query: URLSearchParams;
}

const SEEN = { seen: true };
let shown = window.location.hash;
let mayLeave: (goOn: () => void) => boolean = () => true;

/** Ask this before another page is shown. If it returns false, it may call `goOn` later. */
export function guardWith(guard: (goOn: () => void) => boolean): void {
  mayLeave = guard;
}

window.history.replaceState(SEEN, "");
window.addEventListener("hashchange", () => {
  const wanted = window.location.hash;
  const leaves = wanted.split("?", 1)[0] !== shown.split("?", 1)[0];
  if (leaves && !mayLeave(() => (window.location.hash = wanted))) {
    // Undo the step: one to a new address, or the browser's "back" to one that was seen.
    const isOld = (window.history.state as typeof SEEN | null)?.seen;
    if (isOld) window.history.pushState(SEEN, "", shown);
    else window.history.back();
    return;
  }
  shown = wanted;
  window.history.replaceState(SEEN, "");
});

function subscribe(listener: () => void): () => void {
  window.addEventListener("hashchange", listener);
  return () => window.removeEventListener("hashchange", listener);
}

/** Return where the reader is; render again when that changes. */
export function useRoute(): Route {
  const hash = useSyncExternalStore(subscribe, () => shown);
  return parsed(hash);
}

function parsed(hash: string): Route {
  const [path = "", query = ""] = hash.replace(/^#\/?/, "").split("?", 2);
  return { path: path.split("/").filter(Boolean).map(decoded), query: new URLSearchParams(query) };
}

function decoded(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}

/** Return the address of a page, for `href`. */
export function to(path: string, query: Record<string, string | undefined> = {}): string {
  const given = Object.entries(query).filter((pair): pair is [string, string] => !!pair[1]);
  const search = new URLSearchParams(given).toString();
  return `#/${path}${search ? `?${search}` : ""}`;
}

/** Go to a page. `replace` leaves no step for the back button. */
export function go(address: string, { replace = false } = {}): void {
  if (replace) window.location.replace(address);
  else window.location.hash = address;
}

/**
 * Return the filters of a list, and the function that sets one and shows the first page. They are in the address, so that
 * they can be kept and shared. Typing goes on in the page's own state: addresses come too late.
 */
export function useFilters(
  page: string,
): [Record<string, string>, (name: string) => (value: string) => void] {
  const { query } = useRoute();
  const key = query.toString();
  const own = useRef(key);
  const [filters, setFilters] = useState(() => given(query));
  useEffect(() => {
    if (key === own.current) return;
    own.current = key;
    setFilters(given(new URLSearchParams(key)));
  }, [key]);
  const set = (name: string) => (value: string) => {
    const next = { ...filters, [name]: value, after: "", page: "" };
    const address = to(page, next);
    own.current = address.split("?", 2)[1] ?? "";
    setFilters(next);
    go(address, { replace: true });
  };
  return [filters, set];
}

function given(query: URLSearchParams): Record<string, string> {
  return Object.fromEntries(query.entries());
}
