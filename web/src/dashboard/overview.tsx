// How many users there are, and what they did lately.
import { useMemo } from "react";
import { lastDays, lastHours, SERIES, total } from "./activity";
import { ActivityChart } from "./chart";
import { FiguresDocument, type FiguresQuery } from "./generated/admin";
import { to } from "./router";
import { Loading, PageHead, Refresh, Time } from "./ui";
import { useQuery } from "./use_query";

const DAY = 86_400_000;

export function OverviewPage() {
  const figures = useQuery(FiguresDocument, {});
  const counted = figures.data?.figures.countedAt;
  return (
    <>
      <PageHead
        title="Overview"
        about={
          figures.data && (
            <>
              Users as of <Time at={counted} none="the first count, which is under way" />. Events
              appear a minute after they happened.
            </>
          )
        }
      >
        <Refresh />
      </PageHead>
      <Loading of={figures} what="the figures">
        {({ figures }) => <Figures figures={figures} />}
      </Loading>
    </>
  );
}

function Figures({ figures }: { figures: FiguresQuery["figures"] }) {
  const now = useMemo(() => new Date(), [figures]);
  const hours = lastHours(figures.activity, now);
  const days = lastDays(figures.activity, now);
  const today = days.slice(-1);
  const share = figures.users ? Math.round((100 * figures.withFactor) / figures.users) : 0;
  const period = { since: new Date(now.getTime() - DAY).toISOString() };
  return (
    <>
      <dl className="figures">
        <Figure name="Users" value={figures.users} href={to("users")} />
        <Figure
          name="With a second factor"
          value={figures.withFactor}
          note={figures.users ? `${share} % of all` : undefined}
          href={to("users", { factor: "true" })}
        />
        <Figure name="With a passkey" value={figures.withPasskeys} />
        <Figure name="Disabled" value={figures.disabled} href={to("users", { disabled: "true" })} />
        <Figure
          name="Unverified"
          value={figures.unverified}
          href={to("users", { verified: "false" })}
        />
      </dl>
      <dl className="figures">
        {SERIES.map(([series, name]) => (
          <Figure
            key={series}
            name={`${name} today`}
            value={total(today, series)}
            note={`${total(days, series).toLocaleString("en")} in 30 days`}
            href={
              series === "failures"
                ? to("events", { type: "SIGN_IN_FAILED", ...period })
                : undefined
            }
          />
        ))}
      </dl>
      <div className="charts">
        <ActivityChart title="Last 24 hours" bins={hours} first="Hour" />
        <ActivityChart title="Last 30 days" bins={days} first="Day" />
      </div>
    </>
  );
}

function Figure({
  name,
  value,
  note,
  href,
}: {
  name: string;
  value: number;
  note?: string | undefined;
  href?: string | undefined;
}) {
  const number = value.toLocaleString("en");
  return (
    <div>
      <dt>{name}</dt>
      <dd>
        {href ? <a href={href}>{number}</a> : number}
        {note && <span className="hint">{note}</span>}
      </dd>
    </div>
  );
}
