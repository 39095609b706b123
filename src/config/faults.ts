/** One thing that is wrong with a configuration. */
export interface Fault {
  /** Which setting, for example `stratum.difficulty.start` or `nodes[0].rpc`; "" for the file as a whole. */
  readonly path: string;
  /** What is wrong and what would be right; never a secret. */
  readonly message: string;
  /** Line in the file, from 1, where it is known. */
  readonly line: number | undefined;
}

export type PathPart = string | number;

export function pathText(parts: readonly PathPart[]): string {
  return parts
    .map((part, index) => (typeof part === "number" ? `[${part}]` : index === 0 ? part : `.${part}`))
    .join("");
}

/** For a person: the file, then a line for each fault. */
export function faultsText(file: string, faults: readonly Fault[]): string {
  const count = faults.length === 1 ? "a fault" : `${faults.length} faults`;
  return `${file} has ${count}:\n${faults.map((fault) => `  ${faultText(fault)}\n`).join("")}`;
}

/** Place, setting, trouble. */
export function faultText(fault: Fault): string {
  const line = fault.line === undefined ? "" : `line ${fault.line}: `;
  return fault.path === "" ? `${line}${fault.message}` : `${line}${fault.path}: ${fault.message}`;
}
