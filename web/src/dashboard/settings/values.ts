// Values of settings, in the form of the environment.
import type { SettingListPartsFragment } from "../generated/admin";

export type Setting = SettingListPartsFragment["all"][number];

/** Return the entries of a list: trimmed, each once. */
export function entries(value: string): string[] {
  const all = value.split(/[,\n]/).map((entry) => entry.trim());
  return [...new Set(all.filter(Boolean))];
}

/** Return a typed value as it is sent. */
export function normal(setting: Setting, value: string): string {
  return setting.kind === "LIST" ? entries(value).join(",") : value.trim();
}

/** Return a value for readers. */
export function shown(setting: Setting, value: string): string {
  if (setting.isSecret) return "hidden";
  if (!value) return "not set";
  if (setting.kind === "SWITCH") return value === "true" ? "on" : "off";
  if (setting.kind === "LIST") return entries(value).join(", ");
  const words = setting.kind === "DURATION" ? durationWords(value) : "";
  return words ? `${value} (${words})` : value;
}

const UNITS: [number, string][] = [
  [86400, "day"],
  [3600, "hour"],
  [60, "minute"],
  [1, "second"],
];

/** Return `5400` or `1h30m` as "1 hour 30 minutes"; "" for what is no duration, and for seconds. */
export function durationWords(value: string): string {
  const match = /^(?=\d)(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s?)?$/.exec(value.trim());
  if (!match) return "";
  const [hours = 0, minutes = 0, seconds = 0] = match.slice(1).map((part) => Number(part ?? 0));
  let rest = hours * 3600 + minutes * 60 + seconds;
  if (rest < 60) return "";
  const words: string[] = [];
  for (const [size, unit] of UNITS) {
    const count = Math.floor(rest / size);
    rest -= count * size;
    if (count) words.push(`${count} ${unit}${count === 1 ? "" : "s"}`);
  }
  return words.join(" ");
}
