// A chart with a table behind it: whoever cannot see the bars reads the numbers.
import { useId, useState } from "react";
import { Bar, BarChart, CartesianGrid, ResponsiveContainer, Tooltip, XAxis, YAxis } from "recharts";
import { type Bin, SERIES, total } from "./activity";
import { Cell, Table } from "./tables";

const TICK = { fill: "var(--faint)" };

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
  const sums = SERIES.map(([series, name]) => `${name}: ${total(bins, series)}`).join(", ");
  return (
    <section className="card chart" aria-labelledby={id}>
      <header>
        <h2 id={id}>{title}</h2>
        <button type="button" aria-pressed={asTable} onClick={() => setAsTable(!asTable)}>
          Show <span className="unseen">{title}</span> as table
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
                  interval="preserveStartEnd"
                  minTickGap={28}
                />
                <YAxis
                  tick={TICK}
                  allowDecimals={false}
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
