// One setting as a field: how it is edited follows from its kind.
import { type ReactNode, useId } from "react";
import { Switch } from "../fields";
import { Name } from "../ui";
import { SOURCES } from "../words";
import { durationWords, entries, type Setting } from "./values";

interface ControlProps {
  setting: Setting;
  label: string;
  value: string;
  hint?: string | undefined;
  error?: string | undefined;
  onChange: (value: string) => void;
  onReset?: (() => void) | undefined;
  first?: boolean;
}

export function Control(props: ControlProps) {
  const { setting, label, value, hint, error, onChange, onReset } = props;
  const id = useId();
  const locked = setting.lockedBecause !== null;
  const described = `${id}-about${error ? ` ${id}-error` : ""}`;
  const common = {
    id,
    disabled: locked,
    "aria-describedby": described,
    "aria-invalid": error ? true : undefined,
    "data-first": props.first || undefined,
  };
  return (
    <div className="field">
      {setting.kind === "SWITCH" ? (
        <Switch
          label={label}
          checked={value === "true"}
          disabled={locked}
          describedBy={described}
          onChange={(on) => onChange(String(on))}
        />
      ) : (
        <>
          <label htmlFor={id}>{label}</label>
          {input(setting, value, onChange, common)}
        </>
      )}
      <div id={`${id}-about`}>
        <About setting={setting} hint={hint} value={value} />
      </div>
      {error && (
        <p className="wrong" id={`${id}-error`}>
          {error}
        </p>
      )}
      {onReset && setting.source === "DASHBOARD" && !locked && (
        <Reset label={label} onReset={onReset} />
      )}
    </div>
  );
}

function input(
  setting: Setting,
  value: string,
  onChange: (value: string) => void,
  common: object,
): ReactNode {
  if (setting.kind === "CHOICE" || setting.choices.length) {
    return (
      <select {...common} value={value} onChange={(event) => onChange(event.target.value)}>
        {[...new Set([...setting.choices, value])].map((choice) => (
          <option key={choice} value={choice}>
            {choice || "not set"}
          </option>
        ))}
      </select>
    );
  }
  if (setting.kind === "LIST") {
    return (
      <textarea
        {...common}
        rows={2}
        spellCheck={false}
        value={value}
        onChange={(event) => onChange(event.target.value)}
      />
    );
  }
  return (
    <input
      {...common}
      autoComplete="off"
      spellCheck={false}
      inputMode={setting.kind === "NUMBER" ? "numeric" : undefined}
      type={setting.isSecret ? "password" : "text"}
      value={value}
      onChange={(event) => onChange(event.target.value)}
    />
  );
}

/** Where the value comes from, what a number of seconds is, and why it is locked. */
export function About({
  setting,
  hint,
  value,
}: {
  setting: Setting;
  hint?: string | undefined;
  value: string;
}) {
  const words = setting.kind === "DURATION" ? durationWords(value) : "";
  const count = setting.kind === "LIST" ? entries(value).length : 0;
  const facts = [
    hint,
    words && `${words}.`,
    count > 1 && `${count} entries.`,
    `Source: ${SOURCES[setting.source]}.`,
  ];
  return (
    <>
      <p className="hint">
        {facts.filter(Boolean).join(" ")} <Name>{setting.name}</Name>
      </p>
      {setting.lockedBecause && <p className="locked">Locked: {setting.lockedBecause}</p>}
    </>
  );
}

export function Reset({ label, onReset }: { label: string; onReset: () => void }) {
  return (
    <button type="button" className="link" onClick={onReset}>
      Reset <span className="unseen">{label}</span> to file or default
    </button>
  );
}
