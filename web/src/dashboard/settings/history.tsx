// What operators have changed, with a way back.
import { useSession } from "../context";
import { SettingChangesDocument, UndoSettingChangeDocument } from "../generated/admin";
import { useAct } from "../acts";
import { Cell, Table, usePages } from "../tables";
import { Empty, Loading, Name, PageHead, Refresh, Stranger, Time } from "../ui";
import { useQuery } from "../use_query";

export function HistoryPage() {
  const session = useSession();
  const { after, pager } = usePages();
  const history = useQuery(SettingChangesDocument, { after });
  const [dialog, act] = useAct(history.reload);
  return (
    <>
      <PageHead title="History" about="What operators have changed, the newest first.">
        <Refresh />
      </PageHead>
      <Loading of={history} what="the history">
        {({ settingChanges: { edges, pageInfo } }) =>
          edges.length ? (
            <>
              <Table label="History" head={["When", "Setting", "Change", "Who", "Why", ""]}>
                {edges.map(({ node: change }) => (
                  <tr role="row" key={change.id}>
                    <Cell of="When">
                      <Time at={change.createdAt} />
                    </Cell>
                    <Cell of="Setting">
                      <Name>{change.name}</Name>
                    </Cell>
                    <Cell of="Change">
                      <Value of={change.previous} /> <span>to</span> <Value of={change.value} />
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
                              <p>
                                {change.previous === null ? (
                                  "The operators’ value is removed: that of nhost.toml applies, or the default."
                                ) : (
                                  <>
                                    The setting becomes <Value of={change.previous} /> again.
                                  </>
                                )}
                              </p>
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
            <Empty>No operator has changed a setting yet.</Empty>
          )
        }
      </Loading>
      {dialog}
    </>
  );
}

/** A value of the operators, or that there was none. */
function Value({ of: value }: { of: string | null }) {
  if (value === null) return <span className="faint">not set by operators</span>;
  return <code className="stranger">{value || "empty"}</code>;
}
