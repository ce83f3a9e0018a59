// What an operator may do with an account.
import type { Act } from "../acts";
import type { Document } from "../api";
import { useSession } from "../context";
import {
  DeleteUserDocument,
  DisableUserDocument,
  EnableUserDocument,
  SendPasswordResetDocument,
  VerifyUserDocument,
} from "../generated/admin";
import { go, to } from "../router";
import { forgetUnsaved } from "../unsaved";
import type { Do, User } from "./types";

export function Acts({ user, act }: { user: User; act: Do }) {
  const session = useSession();
  const { id } = user;
  const simple =
    (document: Document<unknown, { id: string; reason: string }>) => (reason: string) =>
      session.call(document, { id, reason });
  const disable: Act = {
    title: "Disable user",
    consequences: (
      <p>
        The user cannot sign in. All sessions, sign-ins and mailed links end. You can enable them
        again.
      </p>
    ),
    verb: "Disable",
    done: "The user is disabled.",
    dangerous: true,
    run: simple(DisableUserDocument),
  };
  const enable: Act = {
    title: "Enable user",
    consequences: <p>The user can sign in again.</p>,
    verb: "Enable",
    done: "The user is enabled.",
    run: simple(EnableUserDocument),
  };
  const reset: Act = {
    title: "Send password reset",
    consequences: <p>The user gets a mail with a link for a new password. Nobody else sees it.</p>,
    verb: "Send",
    done: "The mail is on its way.",
    run: simple(SendPasswordResetDocument),
  };
  const verify: Act = {
    title: "Verify address",
    consequences: <p>The address counts as the user’s own. Make sure of it first.</p>,
    verb: "Verify",
    done: "The address is verified.",
    run: simple(VerifyUserDocument),
  };
  const remove: Act = {
    title: "Delete user",
    consequences: <p>The account goes with all its data and events. This cannot be undone.</p>,
    dangerous: true,
    typed: { label: "E-mail address of the user", text: user.email },
    verb: "Delete",
    done: "The user is deleted.",
    run: async (reason) => {
      await session.call(DeleteUserDocument, { id, email: user.email, reason });
      forgetUnsaved();
      go(to("users"));
    },
  };
  return (
    <div className="acts" role="group" aria-label="What you can do">
      <button type="button" onClick={() => act(reset)}>
        Send password reset
      </button>
      {!user.emailVerified && (
        <button type="button" onClick={() => act(verify)}>
          Verify address
        </button>
      )}
      {user.disabled ? (
        <button type="button" onClick={() => act(enable)}>
          Enable
        </button>
      ) : (
        <button type="button" className="danger" onClick={() => act(disable)}>
          Disable
        </button>
      )}
      <button type="button" className="danger" onClick={() => act(remove)}>
        Delete
      </button>
    </div>
  );
}
