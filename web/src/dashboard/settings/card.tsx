// A card of settings: they are changed together, with a reason.
import { useEffect, useId, useRef, useState } from "react";
import { ApiError } from "../api";
import { useSession } from "../context";
import { ChangeSettingsDocument } from "../generated/admin";
import { useAct } from "../acts";
import { Switch } from "../fields";
import { focusOnHeading } from "../focus";
import { Refused } from "../ui";
import { useUnsaved } from "../unsaved";
import { Affected } from "./affected";
import { APPS, type CardSpec, PASSKEYS, POLICY, POLICY_ROLES } from "./cards";
import { About, Control, Reset } from "./control";
import { entries, normal, type Setting, shown } from "./values";

interface Props {
  card: CardSpec;
  settings: Map<string, Setting>;
  version: number;
  reload: () => Promise<void>;
}

interface Change {
  setting: Setting;
  label: string;
  value: string;
}

export function SettingsCard({ card, settings, version, reload }: Props) {
  const session = useSession();
  const id = useId();
  const [edits, setEdits] = useState<Record<string, string>>({});
  const [listsOn, setListsOn] = useState<boolean>();
  const [error, setError] = useState<ApiError>();
  const [before, setBefore] = useState<Change[]>([]);
  const [reason, setReason] = useState("");
  const [safe, setSafe] = useState(false);
  const section = useRef<HTMLElement>(null);
  const [dialog, act] = useAct(() => undefined);

  const fields = card.fields.filter(({ name }) => settings.has(name));
  const main = card.switchedBy ? settings.get(card.switchedBy) : undefined;

  const stored = (name: string) => settings.get(name)?.value ?? "";
  const typed = (name: string) => edits[name] ?? stored(name);
  const listsAreOn = listsOn ?? fields.some(({ name }) => stored(name));
  const on = main ? typed(main.name) === "true" : !card.offIsEmpty || listsAreOn;
  const value = (name: string) => (card.offIsEmpty && !on ? "" : typed(name));
  const labels = [
    ...(main ? [{ name: main.name, label: card.title }] : []),
    ...fields,
    ...(card.also ?? []),
  ];
  const changes: Change[] = labels.flatMap(({ name, label }) => {
    const setting = settings.get(name);
    if (!setting || setting.lockedBecause !== null) return [];
    const after = normal(setting, value(name));
    return after === normal(setting, setting.value) ? [] : [{ setting, label, value: after }];
  });
  // The policy asks everybody, or some roles; whoever has no factor then is affected.
  const everybody = typed(POLICY) === "required";
  const roles = everybody ? [] : entries(typed(POLICY_ROLES));
  const isRequired = everybody || (typed(POLICY) === "optional" && roles.length > 0);
  const changed = (name: string | undefined) =>
    changes.some(({ setting }) => setting.name === name);
  const requires =
    isRequired &&
    fields.some(({ name }) => name === POLICY) &&
    (changed(POLICY) || changed(POLICY_ROLES) || (on && changed(main?.name)));
  // The server refuses to require a factor that nobody can have.
  const isDeadEnd =
    isRequired &&
    changes.length > 0 &&
    labels.some(({ name }) => name === POLICY) &&
    typed(APPS) !== "true" &&
    typed(PASSKEYS) !== "true";
  const touched = changes.length > 0 || listsOn !== undefined;

  useUnsaved(card.title, changes.length > 0);

  const stopRequiring = () => {
    setEdits({ ...edits, [POLICY]: "optional", [POLICY_ROLES]: "" });
    focusOnHeading(section.current);
  };
  const edit = (name: string) => (value: string) => {
    setEdits({ ...edits, [name]: value });
    setError(undefined);
  };
  const forget = () => {
    setEdits({});
    setListsOn(undefined);
    setError(undefined);
    setSafe(false);
  };

  const discard = () => {
    forget();
    focusOnHeading(section.current);
  };

  const save = () => {
    const after = Object.fromEntries(changes.map(({ setting, value }) => [setting.name, value]));
    const warning = card.warning?.(after);
    act({
      title: `Save: ${card.title}`,
      consequences: (
        <>
          <Comparison changes={changes} />
          {requires && <Affected roles={roles} />}
          {warning && <p className="notice warn">{warning}</p>}
        </>
      ),
      verb: "Save",
      done: `${card.title}: saved.`,
      reason,
      run: async (reason) => {
        await session.call(ChangeSettingsDocument, {
          changes: changes.map(({ setting, value }) => ({ name: setting.name, value })),
          reason,
          version,
        });
        await reload();
        forget();
        setReason("");
      },
      refused: (error, reason) => {
        if (!["INVALID_REQUEST", "SETTING_LOCKED", "CHANGED_MEANWHILE"].includes(error.code)) {
          return false;
        }
        if (error.message.startsWith("reason:")) return false;
        setReason(reason);
        setError(error);
        setBefore(changes);
        if (error.code !== "INVALID_REQUEST") void reload();
        return true;
      },
    });
  };

  const reset = (name: string, label: string) => () =>
    act({
      title: `Reset: ${label}`,
      consequences: (
        <p>
          The value of nhost.toml applies again, or the default:{" "}
          <code className="stranger">{settings.get(name)?.fallback || "not set"}</code>.
        </p>
      ),
      verb: "Reset",
      done: `${label}: reset.`,
      run: async (reason) => {
        const changes = [{ name, value: null }];
        await session.call(ChangeSettingsDocument, { changes, reason, version });
        await reload();
        setEdits(Object.fromEntries(Object.entries(edits).filter(([key]) => key !== name)));
      },
    });

  // What somebody else has made of the settings that are changed here.
  const theirs = before.flatMap(({ setting, label }) => {
    const now = settings.get(setting.name);
    return now && now.value !== setting.value ? [`${label} is now ${shown(now, now.value)}.`] : [];
  });
  // A message about a setting of another card, or about the switch, is shown below the fields.
  const shownFields = fields.filter(({ always }) => on || always);
  const culprit = error && shownFields.find(({ name }) => names(error.message, name))?.name;
  useEffect(() => {
    if (!error) return;
    const wrong = section.current?.querySelector<HTMLElement>("[aria-invalid=true]");
    if (wrong) wrong.focus();
    else section.current?.querySelector("[role=alert]")?.scrollIntoView({ block: "center" });
  }, [error]);
  if (!fields.length && !main) return null;
  const locked = main
    ? main.lockedBecause !== null
    : fields.every(({ name }) => settings.get(name)?.lockedBecause !== null);
  return (
    <section className="card" aria-labelledby={id} ref={section}>
      <header>
        <div>
          <h2 id={id}>{card.title}</h2>
          <p>{card.about}</p>
        </div>
        {(main || card.offIsEmpty) && (
          <Switch
            label={card.title}
            labelHidden
            checked={on}
            disabled={locked}
            describedBy={`${id}-about`}
            onChange={(on) => (main ? edit(main.name)(String(on)) : setListsOn(on))}
          />
        )}
      </header>
      {main && (
        <div id={`${id}-about`}>
          <About setting={main} value={typed(main.name)} />
          {main.source === "DASHBOARD" && !locked && (
            <Reset label={card.title} onReset={reset(main.name, card.title)} />
          )}
        </div>
      )}
      {shownFields.map(({ name, label, hint }) => {
        const setting = settings.get(name);
        return (
          setting && (
            <Control
              key={name}
              setting={setting}
              label={label}
              hint={hint}
              value={value(name)}
              error={culprit === name ? error?.message : undefined}
              onChange={edit(name)}
              onReset={reset(name, label)}
            />
          )
        );
      })}
      {requires && !isDeadEnd && <Affected roles={roles} onShown={() => setSafe(true)} />}
      {isDeadEnd && (
        <DeadEnd
          policy={[settings.get(POLICY), settings.get(POLICY_ROLES)]}
          onStop={stopRequiring}
        />
      )}
      <Refused error={error && meanwhile(error, culprit, theirs)} />
      <div className="acts end">
        {touched && (
          <button type="button" className="quiet" onClick={discard}>
            Discard
          </button>
        )}
        <button
          type="button"
          className="primary"
          disabled={!changes.length || isDeadEnd || (requires && !safe)}
          onClick={save}
        >
          Save <span className="unseen">{card.title}</span>
        </button>
      </div>
      {dialog}
    </section>
  );
}

/** Return whether a message of the server is about this setting. */
function names(message: string, setting: string): boolean {
  return new RegExp(`\\b${setting}\\b`).test(message);
}

function meanwhile(
  error: ApiError,
  culprit: string | undefined,
  theirs: string[],
): ApiError | undefined {
  if (culprit) return undefined;
  if (error.code !== "CHANGED_MEANWHILE") return error;
  const message = [
    "Somebody has changed settings meanwhile.",
    ...theirs,
    "What you typed is kept: look at it again, and save.",
  ].join(" ");
  return new ApiError(error.code, message);
}

function Comparison({ changes }: { changes: Change[] }) {
  return (
    <dl className="comparison">
      {changes.map(({ setting, label, value }) => (
        <div key={setting.name}>
          <dt>{label}</dt>
          <dd>
            <span className="unseen">from </span>
            <del className="stranger">{shown(setting, setting.value)}</del>
            <span> to </span>
            <ins className="stranger">{shown(setting, value)}</ins>
          </dd>
        </div>
      ))}
    </dl>
  );
}

/** A policy requires a factor, and no kind of factor is switched on. Offers the way out. */
function DeadEnd({ policy, onStop }: { policy: (Setting | undefined)[]; onStop: () => void }) {
  const locked = policy.find((setting) => setting?.lockedBecause)?.lockedBecause;
  return (
    <div className="notice warn" role="status">
      <p>
        The policy requires a second factor, and nobody could set one up: authenticator apps and
        passkeys would both be off.
      </p>
      {locked ? (
        <p>The policy is locked: {locked}</p>
      ) : (
        <button type="button" onClick={onStop}>
          Set the policy to optional too
        </button>
      )}
    </div>
  );
}
