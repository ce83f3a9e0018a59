import type { FactorType } from "./api";
import type { Step } from "./App";
import { keep } from "./session";

/**
 * The step to begin with. A link to sign in with brings its user here with a `refreshToken`, or an
 * `mfaTicket` if there is a second factor. Both are secrets: they leave the URL at once, before the browser
 * history, a bookmark or another script can have them.
 */
export function takeFromUrl(): Step {
  const query = new URLSearchParams(location.search);
  history.replaceState(null, "", location.pathname);
  const ticket = query.get("mfaTicket");
  if (ticket) {
    const listed = (name: string) => query.get(name)?.split(",") as FactorType[] | undefined;
    const enrolment = listed("mfaEnrolment");
    if (enrolment) return { at: "enrol", ticket: { ticket, enrolment } };
    return { at: "code", ticket: { ticket, factors: listed("mfaFactors") } };
  }
  const refreshToken = query.get("refreshToken");
  if (!refreshToken) return { at: "sign-in" };
  keep({ accessToken: "to be refreshed", refreshToken }); // the first request refreshes it
  return { at: "account" };
}
