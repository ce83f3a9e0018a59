// What every page may use: the session, and the messages at the corner of the screen.
import { createContext, useContext } from "react";
import type { OperatorSession } from "./session";

export const SessionContext = createContext<OperatorSession | null>(null);
export const ToastContext = createContext<(message: string) => void>(() => undefined);

/** Return the operator's session. Only pages behind the sign-in may call this. */
export function useSession(): OperatorSession {
  const session = useContext(SessionContext);
  if (!session) throw new Error("Nobody is signed in.");
  return session;
}

/** Return the function that tells an outcome. */
export function useToast(): (message: string) => void {
  return useContext(ToastContext);
}
