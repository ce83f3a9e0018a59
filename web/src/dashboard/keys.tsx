// The keys of the server, by their ids.
import { useSession } from "./context";
import { KeysDocument, RotateKeysDocument } from "./generated/admin";
import { type Act, useAct } from "./acts";
import { Cell, Table } from "./tables";
import { Empty, Loading, Nothing, PageHead, Tag, Time } from "./ui";
import { useQuery } from "./use_query";

export function KeysPage() {
  const session = useSession();
  const keys = useQuery(KeysDocument, {});
  const [dialog, act] = useAct(keys.reload);
  const rotate: Act = {
    title: "Rotate keys",
    consequences: (
      <p>
        New access tokens are signed with a new key. The old one verifies until its last token has
        expired.
      </p>
    ),
    verb: "Rotate",
    done: "A new key signs access tokens.",
    run: (reason) => session.call(RotateKeysDocument, { revoke: false, reason }),
  };
  const revoke: Act = {
    title: "Rotate and revoke",
    consequences: (
      <p>
        For a key that has leaked. All access tokens of the other keys are refused at once, so
        everybody has to refresh; services that trust this server must fetch the keys again.
      </p>
    ),
    dangerous: true,
    typed: { label: "Confirm", text: "revoke" },
    verb: "Rotate and revoke",
    done: "A new key signs access tokens, and the others are revoked.",
    run: (reason) => session.call(RotateKeysDocument, { revoke: true, reason }),
  };
  return (
    <>
      <PageHead title="Keys">
        {keys.data?.keys.canRotate && (
          <>
            <button type="button" onClick={() => act(rotate)}>
              Rotate
            </button>
            <button type="button" className="danger" onClick={() => act(revoke)}>
              Rotate and revoke
            </button>
          </>
        )}
      </PageHead>
      <Loading of={keys} what="keys">
        {({ keys: { signing, encryption, canRotate } }) => (
          <>
            {!canRotate && (
              <p className="notice">
                The environment of the server gives the signing key: change it there to rotate.
              </p>
            )}
            <h2>Signing keys</h2>
            <Table label="Signing keys" head={["Id", "Algorithm", "Made", "Use"]}>
              {signing.map((key, index) => (
                <tr role="row" key={key.kid ?? index}>
                  <Cell of="Id">
                    {key.kid ? <code className="stranger">{key.kid}</code> : <Nothing />}
                  </Cell>
                  <Cell of="Algorithm">{key.algorithm}</Cell>
                  <Cell of="Made">
                    <Time
                      at={key.madeAt}
                      none={canRotate ? "with the first start" : "given by the environment"}
                    />
                  </Cell>
                  <Cell of="Use">
                    {key.signs ? <Tag tone="good">signs</Tag> : <Tag>verifies only</Tag>}
                  </Cell>
                </tr>
              ))}
            </Table>
            <h2>Encryption keys</h2>
            <p>They encrypt the secrets of authenticator apps. The first one is in use.</p>
            {encryption.length ? (
              <ol className="plain">
                {encryption.map((id) => (
                  <li key={id}>
                    <code className="stranger">{id}</code>
                  </li>
                ))}
              </ol>
            ) : (
              <Empty>There is no encryption key.</Empty>
            )}
          </>
        )}
      </Loading>
      {dialog}
    </>
  );
}
