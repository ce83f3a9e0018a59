import { useLayoutEffect, useRef, useState } from "react";
import * as api from "./api";
import * as passkeys from "./passkeys";
import { AnyCodeField, Field, Form } from "./Form";
import { isRefused, Refused } from "./session";

const needsConfirmation = (error: unknown) => isRefused(error, "ELEVATED_CLAIM_REQUIRED");

interface Waiting {
  hasFactor: boolean;
  hasApp: boolean;
  hasPasskey: boolean;
  confirmed: () => void;
  cancelled: () => void;
}

/**
 * For changes that need a recent sign-in. `confirmed(change)` makes the change. If the server requires
 * confirmation first, `dialog` asks the user for it, and then the change is made. A password that the user
 * has already entered for the change is not requested again.
 */
export function useConfirmation() {
  const [waiting, setWaiting] = useState<Waiting | null>(null);

  async function confirmed<T>(change: () => Promise<T>, password?: string): Promise<T> {
    try {
      return await change();
    } catch (error) {
      if (!needsConfirmation(error)) throw error;
      const user = await api.me(); // as it is now
      const factors = user?.factors ?? [];
      const hasFactor = factors.length > 0;
      const hasApp = factors.includes("TOTP");
      const hasPasskey = factors.includes("PASSKEY") && passkeys.available;
      // A user without a password is refused with NO_PASSWORD, and told to sign in again by mail.
      if (!hasFactor && (password || !user?.hasPassword)) await api.elevate({ password });
      else
        await new Promise<void>((resolve, reject) =>
          setWaiting({ hasFactor, hasApp, hasPasskey, confirmed: resolve, cancelled: () => reject(error) }),
        ).finally(() => setWaiting(null));
      return change();
    }
  }

  return { confirmed, dialog: waiting && <Dialog {...waiting} /> };
}

/**
 * The same for changes that take a code themselves, while the factor is on: a code confirms the user.
 * Each code is good once, so the change itself needs another code.
 */
export async function confirmedByCode<T>(
  change: (code: string) => Promise<T>,
  code: string,
): Promise<T> {
  try {
    return await change(code);
  } catch (error) {
    if (!needsConfirmation(error)) throw error;
    await api.elevate({ code });
    throw new Refused("That was right. A code is good once: please type another one.", "");
  }
}

function Dialog({ hasFactor, hasApp, hasPasskey, confirmed, cancelled }: Waiting) {
  const dialog = useRef<HTMLDialogElement>(null);
  const [byPasskey, setByPasskey] = useState(hasPasskey);
  useLayoutEffect(() => {
    const shown = dialog.current;
    shown?.showModal();
    return () => shown?.close();
  }, []);
  return (
    <dialog ref={dialog} aria-label="Is it you?" onCancel={cancelled}>
      <Form
        key={String(byPasskey)}
        level="h2"
        title="Is it you?"
        action={byPasskey ? "Use a passkey" : "Confirm"}
        submit={async ({ code, password }) => {
          if (byPasskey) await passkeys.elevate();
          else await api.elevate(hasFactor ? { code } : { password });
          confirmed();
        }}
        others={{
          ...(byPasskey && { "Use a code instead": () => setByPasskey(false) }),
          Cancel: cancelled,
        }}
      >
        <p>You signed in a while ago. Please confirm that it is you.</p>
        {byPasskey ? null : hasFactor ? (
          <AnyCodeField app={hasApp} />
        ) : (
          <Field name="password" label="Password" type="password" autoComplete="current-password" />
        )}
      </Form>
    </dialog>
  );
}
