// What the playground remembers between operations, in memory alone: never in the browser's storage.
const listeners = new Set();
let state = { session: null, ticket: "", enrolment: null };

/** The state as it is now: the last session, the last ticket, an enrolment that waits. */
export const current = () => state;

/** For React's useSyncExternalStore. */
export function subscribe(listener) {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

export function change(fresh) {
  state = { ...state, ...fresh };
  for (const listener of listeners) listener();
}

/** Every object of an answer, however deep. */
function* objectsOf(value) {
  if (typeof value !== "object" || value === null) return;
  if (!Array.isArray(value)) yield value;
  for (const inner of Object.values(value)) yield* objectsOf(inner);
}

function remember(data) {
  for (const found of objectsOf(data)) {
    if (found.accessToken) {
      const email = found.user?.email ?? state.session?.email ?? "";
      const seconds = found.accessTokenExpiresIn ?? 15 * 60;
      const until = new Date(Date.now() + seconds * 1000);
      const { accessToken, refreshToken = state.session?.refreshToken ?? "" } = found;
      change({ session: { accessToken, refreshToken, email, until }, ticket: "" });
    }
    if (found.ticket) change({ ticket: found.ticket });
    if (found.imageUrl?.startsWith("data:image/png;base64,")) change({ enrolment: found });
    if (found.recoveryCodes) change({ enrolment: null });
  }
  if (data?.signOut) change({ session: null });
}

/** What is left empty among the variables, where the playground knows it. */
function completed(variables) {
  const known = { ticket: state.ticket, refreshToken: state.session?.refreshToken };
  const given = Object.entries(variables ?? {});
  return Object.fromEntries(given.map(([name, value]) => [name, value || known[name] || value]));
}

/** GraphiQL's way to the server: the last session's access token goes along by itself. */
export async function fetcher({ query, variables, operationName }, { headers: typed } = {}) {
  const headers = new Headers({
    accept: "application/graphql-response+json, application/json;q=0.9",
    "content-type": "application/json",
  });
  if (state.session) headers.set("authorization", `Bearer ${state.session.accessToken}`);
  for (const [name, value] of Object.entries(typed ?? {})) headers.set(name, value);
  // The editor reads a new tab's operation in its own time, and may still name that of the last one.
  const named = query.includes(operationName) ? operationName : undefined;
  const body = JSON.stringify({
    query,
    variables: completed(variables),
    operationName: named,
  });
  const response = await fetch(location.pathname, { method: "POST", headers, body });
  const answer = await response.json();
  remember(answer.data);
  return answer;
}

/** Keeps the choice of light or dark in the browser, and nothing that was typed. */
export const storage = (() => {
  const memory = new Map();
  const lasting = (key) => key.endsWith("theme");
  return {
    get length() {
      return memory.size;
    },
    getItem: (key) => (lasting(key) ? localStorage.getItem(key) : (memory.get(key) ?? null)),
    setItem: (key, value) =>
      lasting(key) ? localStorage.setItem(key, value) : memory.set(key, value),
    removeItem: (key) => (lasting(key) ? localStorage.removeItem(key) : memory.delete(key)),
    clear: () => memory.clear(),
  };
})();
