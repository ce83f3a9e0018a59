// Every setting, with what it means and where its value comes from.
import { type ReactNode, useState } from "react";
import { useSession } from "../context";
import { ChangeSettingsDocument, SettingsDocument } from "../generated/admin";
import { ActDialog } from "../acts";
import { Choice, Field } from "../fields";
import { Cell, Table } from "../tables";
import { Empty, Loading, Name, PageHead, Tag } from "../ui";
import { useQuery } from "../use_query";
import { SOURCES } from "../words";
import { Control } from "./control";
import { normal, type Setting, shown } from "./values";

const WHICH = [
  ["all", "All"],
  ["changed", "Not the default"],
  ["operators", "Set by operators"],
  ["open", "Not locked"],
] as const;

export function AllSettingsPage() {
  const settings = useQuery(SettingsDocument, {});
  const [text, setText] = useState("");
  const [which, setWhich] = useState("all");
  return (
    <>
      <PageHead title="All settings" />
      <form className="filters" role="search" onSubmit={(event) => event.preventDefault()}>
        <Field
          label="Search"
          type="search"
          value={text}
          onChange={(event) => setText(event.target.value)}
        />
        <Choice label="Show" value={which} options={WHICH} onChange={setWhich} />
      </form>
      <Loading of={settings} what="settings">
        {({ settings: { all, version } }) => {
          const found = all.filter((setting) => matches(setting, text, which));
          return (
            <>
              <p className="count" role="status">
                {found.length} of {all.length} settings
              </p>
              {found.length ? (
                <Found found={found} version={version} reload={settings.reload} />
              ) : (
                <Empty>No setting is like that.</Empty>
              )}
            </>
          );
        }}
      </Loading>
    </>
  );
}

function matches(setting: Setting, text: string, which: string): boolean {
  const { name, tomlKey, meaning, value, isSecret } = setting;
  const where = `${name} ${tomlKey ?? ""} ${meaning} ${isSecret ? "" : value}`.toLowerCase();
  if (
    !text
      .toLowerCase()
      .split(/\s+/)
      .every((word) => where.includes(word))
  )
    return false;
  if (which === "changed") return setting.source !== "DEFAULT";
  if (which === "operators") return setting.source === "DASHBOARD";
  return which !== "open" || setting.lockedBecause === null;
}

function Found({
  found,
  version,
  reload,
}: {
  found: Setting[];
  version: number;
  reload: () => Promise<void>;
}) {
  const [edited, setEdited] = useState<Setting>();
  return (
    <>
      <Table label="All settings" head={["Setting", "Value", "Default", "Source", ""]}>
        {found.map((setting) => (
          <tr role="row" key={setting.name}>
            <Cell of="Setting">
              <Name>{setting.name}</Name>
              {setting.tomlKey && <code className="hint stranger">{setting.tomlKey}</code>}
              <p className="meaning">
                <Meaning>{setting.meaning}</Meaning>
              </p>
              {setting.lockedBecause && <p className="locked">Locked: {setting.lockedBecause}</p>}
            </Cell>
            <Cell of="Value">
              <span className="stranger">{shown(setting, setting.value)}</span>
            </Cell>
            <Cell of="Default">
              <span className="stranger">{shown(setting, setting.default)}</span>
            </Cell>
            <Cell of="Source">
              <Tag>{SOURCES[setting.source]}</Tag>
            </Cell>
            <Cell of="">
              {setting.lockedBecause === null && (
                <button type="button" onClick={() => setEdited(setting)}>
                  Edit <span className="unseen">{setting.name}</span>
                </button>
              )}
            </Cell>
          </tr>
        ))}
      </Table>
      {edited && (
        <Edit
          setting={edited}
          version={version}
          onClose={() => {
            setEdited(undefined);
            void reload();
          }}
        />
      )}
    </>
  );
}

function Edit({
  setting,
  version,
  onClose,
}: {
  setting: Setting;
  version: number;
  onClose: () => void;
}) {
  const session = useSession();
  const [value, setValue] = useState(setting.value);
  const [reset, setReset] = useState(false);
  const fields = (
    <>
      <Control
        setting={setting}
        label={setting.name}
        hint={`Expected: ${setting.accepts}.`}
        value={value}
        onChange={setValue}
        first
      />
      {setting.source === "DASHBOARD" && (
        <label className="check">
          <input
            type="checkbox"
            checked={reset}
            onChange={(event) => setReset(event.target.checked)}
          />
          <span>Reset to file or default</span>
        </label>
      )}
    </>
  );
  return (
    <ActDialog
      act={{
        title: `Edit ${setting.name}`,
        consequences: (
          <p>
            <Meaning>{setting.meaning}</Meaning>
          </p>
        ),
        fields,
        verb: reset ? "Reset" : "Save",
        done: `${setting.name}: ${reset ? "reset" : "saved"}.`,
        run: (reason) =>
          session.call(ChangeSettingsDocument, {
            changes: [{ name: setting.name, value: reset ? null : normal(setting, value) }],
            reason,
            version,
          }),
      }}
      onClose={onClose}
    />
  );
}

/** The little Markdown that the meanings have: code, and links, which lead into the docs. */
function Meaning({ children }: { children: string }): ReactNode {
  return children
    .split(/(`[^`]+`|\[[^\]]+\]\([^)]+\))/)
    .map((part, index) =>
      part.startsWith("`") ? (
        <Name key={index}>{part.slice(1, -1)}</Name>
      ) : (
        part.replace(/^\[([^\]]+)\]\([^)]+\)$/, "$1").replaceAll("`", "")
      ),
    );
}
