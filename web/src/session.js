// What the playground remembers between operations: only in memory, never in the browser's storage.
const listeners = new Set();
const NOTHING = {
  session: null,
  ticket: "",
  enrolment: null,
  email: "",
  password: "",
  recoveryCodes: [],
  otherSession: "",
  problem: "",
};
let state = NOTHING;

/** The current state: the last session, the last ticket, a pending enrolment, and so on. */
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

/** Every object of a response, at any depth. */
function* objectsOf(value) {
  if (typeof value !== "object" || value === null) return;
  if (!Array.isArray(value)) yield value;
  for (const inner of Object.values(value)) yield* objectsOf(inner);
}

function remember(data) {
  for (const found of objectsOf(data)) {
    if (found.accessToken) {
      const email = found.user?.email ?? state.email;
      const seconds = found.accessTokenExpiresIn ?? 15 * 60;
      const until = new Date(Date.now() + seconds * 1000);
      const { accessToken, refreshToken = state.session?.refreshToken ?? "" } = found;
      change({ session: { accessToken, refreshToken, until }, email, ticket: "" });
    }
    if (found.ticket) change({ ticket: found.ticket });
    if (found.imageUrl?.startsWith("data:image/png;base64,")) change({ enrolment: found });
    if (found.recoveryCodes) change({ enrolment: null, recoveryCodes: found.recoveryCodes });
    if (found.current === false) change({ otherSession: found.id });
  }
  if (data?.revokeSession) change({ otherSession: "" });
  if (data?.signOut || data?.resetPassword) change({ session: null });
}

/** Remember what was sent and accepted: the current password, a spent recovery code. */
function accepted({ email, password, newPassword, recoveryCode }) {
  const recoveryCodes = state.recoveryCodes.filter((code) => code !== recoveryCode);
  const good = newPassword || password || state.password;
  change({ email: email || state.email, password: good, recoveryCodes });
}

function newAddress() {
  const [number] = crypto.getRandomValues(new Uint32Array(1));
  return `joe-${number.toString(36)}@example.com`;
}

/** Values for empty variables that the playground knows. */
function completed(query, variables) {
  const known = {
    email: query.includes("signUpEmailPassword") ? newAddress() : state.email,
    password: state.password,
    currentPassword: state.password,
    ticket: query.includes("verifySignInMfa") ? state.ticket : "", // others are in mails
    recoveryCode: state.recoveryCodes[0],
    refreshToken: state.session?.refreshToken,
    id: state.otherSession,
  };
  const given = Object.entries(variables ?? {});
  return Object.fromEntries(given.map(([name, value]) => [name, value || known[name] || value]));
}

async function post(body, typed = {}) {
  const headers = new Headers({
    accept: "application/graphql-response+json, application/json;q=0.9",
    "content-type": "application/json",
  });
  if (state.session) headers.set("authorization", `Bearer ${state.session.accessToken}`);
  for (const [name, value] of Object.entries(typed)) headers.set(name, value);
  const request = { method: "POST", headers, body: JSON.stringify(body) };
  const response = await fetch(location.pathname, request);
  return response.json();
}

/** GraphiQL's fetcher: it adds the access token of the last session. */
export async function fetcher({ query, variables, operationName }, { headers } = {}) {
  const sent = completed(query, variables);
  // The editor parses a new tab's operation a little later, and may still name the previous tab's.
  const named = query.includes(operationName) ? operationName : undefined;
  const answer = await post({ query, variables: sent, operationName: named }, headers);
  if (answer.data && !answer.errors) accepted(sent);
  remember(answer.data);
  return answer;
}

/** Sign out, and forget all earlier results. */
export async function forget() {
  const query = "mutation ($token: String) { signOut(refreshToken: $token) }";
  const variables = { token: state.session?.refreshToken };
  const signedOut = await post({ query, variables }).then(
    ({ data }) => data?.signOut === true,
    () => false,
  );
  const problem = "The server could not be told, so the session may still be open there.";
  change({ ...NOTHING, problem: signedOut ? "" : problem });
}

/** Stores only the choice of light or dark in the browser, no input. */
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
