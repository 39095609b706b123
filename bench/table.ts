export type Cell = string | number;

/** A Markdown table whose columns line up in a terminal too: texts to the left, numbers to the right. */
export function table(head: readonly string[], rows: readonly (readonly Cell[])[]): string {
  const lines = [head, ...rows].map((row) => row.map(String));
  const widths = head.map((_, column) => Math.max(...lines.map((line) => line[column]!.length)));
  const line = (cells: readonly string[]) => `| ${cells.join(" | ")} |`;
  const padded = lines.map((cells) =>
    line(
      cells.map((cell, i) => (isTextColumn(rows, i) ? cell.padEnd(widths[i]!) : cell.padStart(widths[i]!))),
    ),
  );
  const rule = `|${widths.map((width, i) => (isTextColumn(rows, i) ? "-".repeat(width + 2) : `${"-".repeat(width + 1)}:`)).join("|")}|`;
  return [padded[0], rule, ...padded.slice(1)].join("\n");
}

function isTextColumn(rows: readonly (readonly Cell[])[], column: number): boolean {
  return rows.some((row) => /^[A-Za-z]/.test(String(row[column])));
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((left, right) => left - right);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}

export function whole(value: number): string {
  return Math.round(value).toLocaleString("en");
}
