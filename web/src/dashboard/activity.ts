// The hours of the server's figures, gathered into the reader's hours and days.
import type { FiguresQuery } from "./generated/admin";

type Activity = FiguresQuery["figures"]["activity"];

export interface Bin {
  label: string;
  signUps: number;
  signIns: number;
  failures: number;
}

export const SERIES = [
  ["signUps", "Sign-ups"],
  ["signIns", "Sign-ins"],
  ["failures", "Failures"],
] as const;

const HOUR = new Intl.DateTimeFormat("en", {
  hour: "2-digit",
  minute: "2-digit",
  hourCycle: "h23",
});
const DAY = new Intl.DateTimeFormat("en", { day: "numeric", month: "short" });

/** Return the last 24 hours, the present one last. */
export function lastHours(activity: Activity, now: Date): Bin[] {
  const present = new Date(now);
  present.setMinutes(0, 0, 0);
  const starts = Array.from({ length: 24 }, (_, back) => {
    const start = new Date(present);
    start.setTime(present.getTime() - (23 - back) * 3_600_000);
    return start;
  });
  return gathered(activity, starts, HOUR);
}

/** Return the last 30 days in the reader's time zone, today last. */
export function lastDays(activity: Activity, now: Date): Bin[] {
  const starts = Array.from({ length: 30 }, (_, back) => {
    const start = new Date(now);
    start.setHours(0, 0, 0, 0);
    start.setDate(start.getDate() - (29 - back));
    return start;
  });
  return gathered(activity, starts, DAY);
}

export function total(bins: Bin[], series: (typeof SERIES)[number][0]): number {
  return bins.reduce((sum, bin) => sum + bin[series], 0);
}

function gathered(activity: Activity, starts: Date[], format: Intl.DateTimeFormat): Bin[] {
  const bins = starts.map((start) => ({
    label: format.format(start),
    signUps: 0,
    signIns: 0,
    failures: 0,
  }));
  activity.hours.forEach((hour, index) => {
    const at = new Date(hour).getTime();
    const place = starts.findLastIndex((start) => start.getTime() <= at);
    const bin = bins[place];
    if (!bin) return;
    for (const [series] of SERIES) bin[series] += activity[series][index] ?? 0;
  });
  return bins;
}
