// A chart with a table behind it: whoever cannot see the bars reads the numbers.
import { useId, useState } from "react";
import { Bar, BarChart, CartesianGrid, ResponsiveContainer, Tooltip, XAxis, YAxis } from "recharts";
import { type Bin, SERIES, total } from "./activity";
import { Cell, Table } from "./tables";

const TICK = { fill: "var(--faint)" };

/** Return whole numbers from 0 to `most` or a little more, at even steps of 1, 2 or 5 times ten. */
function evenTicks(most: number): number[] {
  const power = 10 ** Math.max(0, Math.floor(Math.log10(most / 4 || 1)));
  const step = [1, 2, 5, 10].map((one) => one * power).find((one) => one * 4 >= most) ?? most;
  return Array.from(
    { length: Math.max(1, Math.ceil(most / step)) + 1 },
    (_, index) => index * step,
  );
}

export function ActivityChart({
  title,
  bins,
  first,
}: {
  title: string;
  bins: Bin[];
  first: string;
}) {
  const [asTable, setAsTable] = useState(false);
  const id = useId();
  const ticks = evenTicks(
    Math.max(...bins.map((bin) => SERIES.reduce((sum, [series]) => sum + bin[series], 0))),
  );
  const sums = SERIES.map(([series, name]) => `${name}: ${total(bins, series)}`).join(", ");
  return (
    <section className="card chart" aria-labelledby={id}>
      <header>
        <h2 id={id}>{title}</h2>
        <button type="button" onClick={() => setAsTable(!asTable)}>
          {asTable ? (
            <>
              Hide table <span className="unseen">of {title}</span>
            </>
          ) : (
            <>
              Show <span className="unseen">{title}</span> as table
            </>
          )}
        </button>
      </header>
      {asTable ? (
        <Table label={title} head={[first, ...SERIES.map(([, name]) => name)]}>
          {bins.map((bin, index) => (
            <tr role="row" key={index}>
              <Cell of={first}>{bin.label}</Cell>
              {SERIES.map(([series, name]) => (
                <Cell key={series} of={name}>
                  {bin[series].toLocaleString("en")}
                </Cell>
              ))}
            </tr>
          ))}
        </Table>
      ) : (
        <>
          <div className="bars" role="img" aria-label={`${title}. ${sums}.`}>
            <ResponsiveContainer width="100%" height={180} minWidth={0}>
              <BarChart
                data={bins}
                role="presentation"
                accessibilityLayer={false}
                barCategoryGap="20%"
              >
                <CartesianGrid vertical={false} stroke="var(--line)" />
                <XAxis
                  dataKey="label"
                  tick={TICK}
                  tickLine={false}
                  interval={Math.ceil(bins.length / 6) - 1}
                />
                <YAxis
                  tick={TICK}
                  ticks={ticks}
                  domain={[0, ticks.at(-1) ?? 0]}
                  interval={0}
                  tickLine={false}
                  axisLine={false}
                  width={36}
                />
                <Tooltip
                  isAnimationActive={false}
                  separator=": "
                  itemStyle={{ color: "var(--text)" }}
                  cursor={{ fill: "var(--hover)" }}
                  contentStyle={{ background: "var(--card)", borderColor: "var(--line)" }}
                />
                {SERIES.map(([series, name]) => (
                  <Bar
                    key={series}
                    dataKey={series}
                    name={name}
                    stackId="all"
                    fill={`var(--${series})`}
                    isAnimationActive={false}
                  />
                ))}
              </BarChart>
            </ResponsiveContainer>
          </div>
          <ul className="legend" aria-hidden="true">
            {SERIES.map(([series, name]) => (
              <li key={series} className={series}>
                {name}
              </li>
            ))}
          </ul>
        </>
      )}
    </section>
  );
}
