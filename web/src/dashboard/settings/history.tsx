// What operators have changed, with a way back.
import { useSession } from "../context";
import { SettingChangesDocument, UndoSettingChangeDocument } from "../generated/admin";
import { useAct } from "../acts";
import { Cell, Table, usePages } from "../tables";
import { Empty, Loading, PageHead, Stranger, Time } from "../ui";
import { useQuery } from "../use_query";

export function HistoryPage() {
  const session = useSession();
  const { after, pager } = usePages("history");
  const history = useQuery(SettingChangesDocument, { after });
  const [dialog, act] = useAct(history.reload);
  return (
    <>
      <PageHead title="History" about="What operators have changed, the newest first." />
      <Loading of={history} what="the history">
        {({ settingChanges: { edges, pageInfo } }) =>
          edges.length ? (
            <>
              <Table label="History" head={["When", "Setting", "New value", "Who", "Why", ""]}>
                {edges.map(({ node: change }) => (
                  <tr role="row" key={change.id}>
                    <Cell of="When">
                      <Time at={change.createdAt} />
                    </Cell>
                    <Cell of="Setting">
                      <code className="stranger">{change.name}</code>
                    </Cell>
                    <Cell of="New value">
                      {change.value === null ? (
                        <span className="faint">reset</span>
                      ) : (
                        <Stranger>{change.value}</Stranger>
                      )}
                    </Cell>
                    <Cell of="Who">
                      <Stranger>{change.operator}</Stranger>
                    </Cell>
                    <Cell of="Why">
                      <Stranger>{change.reason}</Stranger>
                    </Cell>
                    <Cell of="">
                      <button
                        type="button"
                        onClick={() =>
                          act({
                            title: `Undo: ${change.name}`,
                            consequences: (
                              <p>The setting gets the value back that it had before this change.</p>
                            ),
                            verb: "Undo",
                            done: `${change.name}: undone.`,
                            run: (reason) =>
                              session.call(UndoSettingChangeDocument, { id: change.id, reason }),
                          })
                        }
                      >
                        Undo <span className="unseen">{change.name}</span>
                      </button>
                    </Cell>
                  </tr>
                ))}
              </Table>
              {pager(pageInfo)}
            </>
          ) : (
            <Empty>Nobody has changed a setting here yet.</Empty>
          )
        }
      </Loading>
      {dialog}
    </>
  );
}
