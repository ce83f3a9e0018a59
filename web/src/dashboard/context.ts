// What every page may use: the session, messages at the corner of the screen, and loading again.
import { createContext, useContext } from "react";
import type { OperatorSession } from "./session";

export const SessionContext = createContext<OperatorSession | null>(null);
export const ToastContext = createContext<(message: string) => void>(() => undefined);

/** How often the reader has asked for fresh data, and the function that asks for it. */
export interface Freshness {
  round: number;
  refresh: () => void;
}

export const FreshContext = createContext<Freshness>({ round: 0, refresh: () => undefined });

/** Return the operator's session. Only pages behind the sign-in may call this. */
export function useSession(): OperatorSession {
  const session = useContext(SessionContext);
  if (!session) throw new Error("Nobody is signed in.");
  return session;
}

/** Return what loads everything on the page again. */
export function useFreshness(): Freshness {
  return useContext(FreshContext);
}

/** Return the function that tells an outcome. */
export function useToast(): (message: string) => void {
  return useContext(ToastContext);
}
