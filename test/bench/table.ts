/** One line of the benchmarks' table. */
export interface Row {
  readonly what: string;
  readonly figure: string;
  /** What it is measured against, with its ratio or bound. */
  readonly target?: string;
  readonly holds?: boolean;
  /** The raw numbers, for the JSON beside the table. */
  readonly numbers: Record<string, number | readonly number[]>;
}

const verdict = (row: Row): string => (row.holds === undefined ? '' : row.holds ? 'holds' : 'MISSED');

export function printTable(rows: readonly Row[]): void {
  const cells = [['what', 'figure', 'target', ''], ...rows.map((row) => [row.what, row.figure, row.target ?? '', verdict(row)])];
  const widths = [0, 1, 2, 3].map((column) => Math.max(...cells.map((row) => row[column]?.length ?? 0)));
  const line = (row: readonly string[]): string =>
    row
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join('  ')
      .trimEnd();
  const [head = [], ...body] = cells;
  process.stdout.write(`\n${line(head)}\n${widths.map((width) => '─'.repeat(width)).join('  ')}\n${body.map(line).join('\n')}\n`);
}
