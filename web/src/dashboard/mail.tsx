// What becomes of mails.
import type { ReactNode } from "react";
import { useSession } from "./context";
import { MailsDocument, RetryMailDocument } from "./generated/admin";
import { useAct } from "./acts";
import { Cell, Table, usePages } from "./tables";
import { Empty, Loading, PageHead, Refresh, Stranger, Time } from "./ui";
import { useQuery } from "./use_query";

const COUNTED_TO = 1000;
const DELIVERY: Record<string, ReactNode> = {
  smtp: "Mails are sent by your mail server.",
  mailbox: (
    <>
      This server keeps mails in its{" "}
      <a href="mailbox" target="_blank" rel="noreferrer">
        mailbox
      </a>{" "}
      and sends none.
    </>
  ),
  off: "This server sends no mails: no mail server is set.",
};

export function MailPage() {
  const session = useSession();
  const { after, pager } = usePages();
  const mails = useQuery(MailsDocument, { after });
  const [dialog, act] = useAct(mails.reload);
  return (
    <>
      <PageHead title="Mail">
        <Refresh />
      </PageHead>
      <Loading of={mails} what="mails">
        {({ mails: { delivery, waiting, dead } }) => (
          <>
            <dl className="figures">
              <div>
                <dt>Delivery</dt>
                <dd>
                  {delivery}
                  <span className="hint">{DELIVERY[delivery]}</span>
                </dd>
              </div>
              <div>
                <dt>Waiting</dt>
                <dd>{waiting >= COUNTED_TO ? `${COUNTED_TO} or more` : waiting}</dd>
              </div>
            </dl>
            <h2>Given up</h2>
            {dead.edges.length ? (
              <>
                <Table label="Mails given up" head={["Written", "Kind", "Recipient", "Tries", ""]}>
                  {dead.edges.map(({ node: mail }) => (
                    <tr role="row" key={mail.id}>
                      <Cell of="Written">
                        <Time at={mail.createdAt} />
                      </Cell>
                      <Cell of="Kind">{mail.kind}</Cell>
                      <Cell of="Recipient">
                        <Stranger>{mail.recipient}</Stranger>
                      </Cell>
                      <Cell of="Tries">{mail.attempts}</Cell>
                      <Cell of="">
                        <button
                          type="button"
                          onClick={() =>
                            act({
                              title: "Send again",
                              consequences: (
                                <p>
                                  The mail <b>{mail.kind}</b> to{" "}
                                  <Stranger>{mail.recipient}</Stranger> waits to be sent again.
                                </p>
                              ),
                              verb: "Send again",
                              done: "The mail waits to be sent.",
                              run: (reason) =>
                                session.call(RetryMailDocument, { id: mail.id, reason }),
                            })
                          }
                        >
                          Send again
                        </button>
                      </Cell>
                    </tr>
                  ))}
                </Table>
                {pager(dead.pageInfo)}
              </>
            ) : (
              <Empty>No mail was given up.</Empty>
            )}
          </>
        )}
      </Loading>
      {dialog}
    </>
  );
}
