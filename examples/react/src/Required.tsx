import { useState } from "react";
import * as api from "./api";
import { Enrol } from "./Factor";
import { Form } from "./Form";
import * as passkeys from "./passkeys";

interface Props {
  ticket: api.Ticket;
  /** What comes after it, or instead of it if the ticket is over. */
  go: (codes: Promise<string[]>) => Promise<void>;
  startOver: () => void;
}

/** A sign-in for which the operator requires a second factor that the user has to set up first. */
export function Required({ ticket: { ticket, enrolment }, go, startOver }: Props) {
  const [app, setApp] = useState<api.Enrolment | null>(null);
  if (app)
    return (
      <Enrol
        level="h1"
        enrolment={app}
        submit={({ code = "" }) => go(api.activateWithTicket(ticket, code))}
        others={{ "Start over": startOver }}
      />
    );
  const begin = async () => setApp(await api.enrolWithTicket(ticket));
  const addPasskey = () => go(passkeys.addWithTicket(ticket));
  const byApp = enrolment?.includes("TOTP");
  const byPasskey = enrolment?.includes("PASSKEY") && passkeys.available;
  return (
    <Form
      readFirst
      title="Set up a second factor"
      action={byApp ? "Set up an authenticator app" : "Make a passkey"}
      submit={byApp ? begin : addPasskey}
      others={{
        ...(byApp && byPasskey && { "Make a passkey instead": addPasskey }),
        "Start over": startOver,
      }}
    >
      <p>Your account needs one. From now on, your password alone does not sign you in.</p>
    </Form>
  );
}
