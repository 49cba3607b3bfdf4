// Plain tables for terminals: columns as wide as their widest cell, numbers to the right.

export type Cell = string | number;

export interface Column<T> {
  title: string;
  cell(row: T): Cell;
}

/** The table's lines; only the titles if there are no rows. */
export function formatTable<T>(columns: readonly Column<T>[], rows: readonly T[]): string {
  const cells = rows.map((row) => columns.map((column) => column.cell(row)));
  const widths = columns.map((column, index) =>
    Math.max(column.title.length, ...cells.map((row) => String(row[index]).length)),
  );
  const numeric = columns.map((_, index) => cells.some((row) => typeof row[index] === 'number'));
  const pad = (cell: Cell, index: number) => {
    const text = String(cell);
    return numeric[index] ? text.padStart(widths[index] ?? 0) : text.padEnd(widths[index] ?? 0);
  };
  const titles = columns.map((column) => column.title.toUpperCase());
  return [titles, ...cells].map((row) => row.map(pad).join('  ').trimEnd()).join('\n') + '\n';
}
