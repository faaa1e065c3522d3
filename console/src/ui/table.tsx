// One table for all lists. On narrow screens each row becomes a small card whose lines carry the
// column's name, so no page needs a second layout.
import type { ReactNode } from "react";

export interface Column<T> {
  readonly head: string;
  readonly cell: (row: T) => ReactNode;
  /** Numbers stand at the right, in figures of one width. */
  readonly number?: boolean;
  /** Takes what width is left and may wrap. */
  readonly wide?: boolean;
  /** Left out on narrow screens: the row's own page shows it. */
  readonly minor?: boolean;
}

/** A table with a caption for screen readers. */
export function Table<T>(props: {
  readonly caption: string;
  readonly columns: readonly Column<T>[];
  readonly rows: readonly T[];
  readonly rowKey: (row: T) => string;
  readonly foot?: readonly ReactNode[];
}) {
  const { columns, rows } = props;
  return (
    <div className="scroll stack">
      <table>
        <caption className="unseen">{props.caption}</caption>
        <thead>
          <tr>
            {columns.map((column) => (
              <th key={column.head} scope="col" className={classOf(column)}>
                {column.head}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {rows.map((row) => (
            <tr key={props.rowKey(row)}>
              {columns.map((column) => (
                <td key={column.head} data-head={column.head} className={classOf(column)}>
                  {column.cell(row)}
                </td>
              ))}
            </tr>
          ))}
        </tbody>
        {props.foot !== undefined && (
          <tfoot>
            <tr>
              {columns.map((column, i) => (
                <td key={column.head} data-head={column.head} className={classOf(column)}>
                  {props.foot?.[i]}
                </td>
              ))}
            </tr>
          </tfoot>
        )}
      </table>
    </div>
  );
}

function classOf<T>(column: Column<T>): string | undefined {
  const names = [column.number && "number", column.wide && "wide", column.minor && "minor"];
  return names.filter((name) => typeof name === "string").join(" ") || undefined;
}
