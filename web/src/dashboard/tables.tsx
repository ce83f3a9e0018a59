// Tables, and the pages of long lists.
import { type ReactNode, useState } from "react";

/**
 * A table in a region of its own, which scrolls if it must; cards on phones. Its roles are said
 * aloud, as browsers forget them when the cells are blocks.
 */
export function Table({
  label,
  head,
  children,
}: {
  label: string;
  head: string[];
  children: ReactNode;
}) {
  return (
    <div className="table" role="region" aria-label={label} tabIndex={0}>
      <table role="table">
        <thead role="rowgroup">
          <tr role="row">
            {head.map((title) => (
              <th key={title} role="columnheader" scope="col">
                {title || <span className="unseen">What you can do</span>}
              </th>
            ))}
          </tr>
        </thead>
        <tbody role="rowgroup">{children}</tbody>
      </table>
    </div>
  );
}

/** A cell that says on phones which column it is of. */
export function Cell({ of, children }: { of: string; children: ReactNode }) {
  return (
    <td role="cell" className={of ? undefined : "acting"}>
      <span className="of" aria-hidden="true">
        {of}
      </span>
      <div>{children}</div>
    </td>
  );
}

export interface PageInfo {
  hasNextPage: boolean;
  endCursor: string | null;
}

/** The pages of a list: cursors go forward only, so the way back is remembered. */
export function usePages(key: string): {
  after: string | null;
  pager: (info: PageInfo) => ReactNode;
} {
  const [state, setState] = useState<{ key: string; cursors: string[] }>({ key, cursors: [] });
  const cursors = state.key === key ? state.cursors : [];
  const pager = (info: PageInfo) => {
    if (!cursors.length && !info.hasNextPage) return null;
    return (
      <nav className="pager" aria-label="Pages">
        <button
          type="button"
          disabled={!cursors.length}
          onClick={() => setState({ key, cursors: cursors.slice(0, -1) })}
        >
          Previous
        </button>
        <span>Page {cursors.length + 1}</span>
        <button
          type="button"
          disabled={!info.hasNextPage || !info.endCursor}
          onClick={() => info.endCursor && setState({ key, cursors: [...cursors, info.endCursor] })}
        >
          Next
        </button>
      </nav>
    );
  };
  return { after: cursors.at(-1) ?? null, pager };
}
