// Tables, and the pages of long lists.
import type { MouseEvent, ReactNode } from "react";
import { go, to, useRoute } from "./router";

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

/** The address of the page before the page at an address, as far as it was seen. */
const trail = new Map<string, string>();

/**
 * The pages of a list. Where the reader is stands in the address, so that the browser's "back"
 * returns there. Cursors go forward only, so the way back is remembered.
 */
export function usePages(): { after: string | null; pager: (info: PageInfo) => ReactNode } {
  const { path, query } = useRoute();
  const after = query.get("after");
  const page = after ? Number(query.get("page")) || 2 : 1;
  const addressOf = (after: string, page: number) => {
    const rest = Object.fromEntries(query.entries());
    const place = after ? { after, page: String(page) } : { after: "", page: "" };
    return to(path.map(encodeURIComponent).join("/"), { ...rest, ...place });
  };
  const before = trail.get(addressOf(after ?? "", page));
  const turn = (event: MouseEvent<HTMLElement>, address: string) => {
    const list = event.currentTarget.closest(".loaded")?.querySelector<HTMLElement>(".table");
    go(address);
    list?.focus({ preventScroll: true });
    list?.scrollIntoView({ block: "start" });
  };
  const next = (event: MouseEvent<HTMLElement>, cursor: string) => {
    const address = addressOf(cursor, page + 1);
    trail.set(address, addressOf(after ?? "", page));
    turn(event, address);
  };
  const pager = ({ hasNextPage, endCursor }: PageInfo) => {
    if (!after && !hasNextPage) return null;
    return (
      <nav className="pager" aria-label="Pages">
        <button
          type="button"
          disabled={!after}
          onClick={(event) => turn(event, before ?? addressOf("", 1))}
        >
          {page > 2 && before === undefined ? "First page" : "Previous"}
        </button>
        <span>Page {page}</span>
        <button
          type="button"
          disabled={!hasNextPage || !endCursor}
          onClick={(event) => endCursor && next(event, endCursor)}
        >
          Next
        </button>
      </nav>
    );
  };
  return { after, pager };
}
