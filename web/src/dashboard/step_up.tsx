// The dialog that confirms a sign-in that has grown old. What the user was doing stays as it is.
import { useCallback, useEffect, useRef, useState } from "react";
import { ApiError } from "./api";
import { type Answers, FactorForm } from "./factor";
import {
  ElevateDocument,
  ElevateWithPasskeyDocument,
  StartElevateWithPasskeyDocument,
} from "./generated/public";
import { usePasskey } from "./passkeys";
import type { OperatorSession } from "./session";
import { Dialog } from "./acts";

/** Return how a session is confirmed with each factor. */
export function elevation(session: OperatorSession, done: () => void): Answers {
  const code = async (code: string) => {
    session.replace((await session.ask(ElevateDocument, { code })).elevate);
    done();
  };
  const passkey = async () => {
    const { startElevatePasskey } = await session.ask(StartElevateWithPasskeyDocument, {});
    const credentialJson = await usePasskey(startElevatePasskey.optionsJson);
    const answer = await session.ask(ElevateWithPasskeyDocument, { credentialJson });
    session.replace(answer.verifyElevatePasskey);
    done();
  };
  return { code, recoveryCode: code, passkey };
}

/** Shows the dialog when the session asks for it. */
export function StepUp({ session }: { session: OperatorSession }) {
  const [open, setOpen] = useState(false);
  const waiting = useRef<{ resolve: () => void; reject: (error: ApiError) => void }>(null);
  useEffect(() => {
    session.askForFactor = () =>
      new Promise((resolve, reject) => {
        waiting.current = { resolve, reject };
        setOpen(true);
      });
  }, [session]);
  const confirmed = useCallback(() => {
    setOpen(false);
    waiting.current?.resolve();
  }, []);
  if (!open) return null;
  const cancel = () => {
    setOpen(false);
    waiting.current?.reject(
      new ApiError("ELEVATED_CLAIM_REQUIRED", "You have not confirmed that it is you."),
    );
  };
  return (
    <Dialog title="Confirm that it is you" onClose={cancel}>
      <p>You signed in a while ago. What you were doing goes on after this.</p>
      <FactorForm
        factors={session.user.factors}
        answers={elevation(session, confirmed)}
        verb="Confirm"
      />
      <div className="acts">
        <button type="button" className="quiet" onClick={cancel}>
          Cancel
        </button>
      </div>
    </Dialog>
  );
}
