/** A recorded dialogue as text becomes steps; test/conformance/README.md tells how it is written. */

/** One line that does something. */
export interface Step {
  /** Counted from 1. */
  readonly line: number;
  /** As it is written. */
  readonly text: string;
  /** Whose connection: A unless it says otherwise. */
  readonly connection: string;
  readonly verb: string;
  readonly rest: string;
  /** How often it is done. */
  readonly times: number;
}

export interface Dialogue {
  readonly file: string;
  /** The first line, a comment. */
  readonly title: string;
  /** What differs from the usual pool, by its path in the configuration. */
  readonly settings: ReadonlyMap<string, string>;
  readonly steps: readonly Step[];
}

/** Names the line of the dialogue that is wrong, or at which something else happened. */
export class DialogueError extends Error {
  constructor(file: string, { line, text }: Pick<Step, "line" | "text">, what: string) {
    super(`${file}:${line}: ${text}\n${what}`);
    this.name = "DialogueError";
  }
}

const stepPattern =
  /^(?:(?<connection>[A-Z]): )?(?:(?<times>\d+)x )?(?<verb>>>|>\||>|<=|<~|<|[a-z]+)(?: +(?<rest>.*))?$/;

/** @throws DialogueError */
export function parseDialogue(file: string, source: string): Dialogue {
  const lines = source.split("\n").map((text, index) => ({ text: text.trimEnd(), line: index + 1 }));
  const title = /^# (.+)$/.exec(lines[0]?.text ?? "")?.[1];
  if (title === undefined) {
    throw new DialogueError(file, lines[0]!, 'the first line must be the title, as "# Q21 VNish sends …"');
  }
  const steps = lines
    .filter(({ text }) => text !== "" && !text.startsWith("#"))
    .map((line) => parseStep(file, line));
  const settings = new Map<string, string>();
  for (const step of steps.filter(isSetting)) {
    for (const setting of step.rest.split(/\s+/)) {
      const [path, value] = setting.split("=", 2);
      if (value === undefined) throw new DialogueError(file, step, `"${setting}" is not written path=value`);
      settings.set(path!, value);
    }
  }
  return { file, title, settings, steps: steps.filter((step) => !isSetting(step)) };
}

function parseStep(file: string, line: Pick<Step, "line" | "text">): Step {
  const groups = stepPattern.exec(line.text)?.groups;
  if (groups === undefined) throw new DialogueError(file, line, "this is no step of a dialogue");
  const { connection = "A", times = "1", verb, rest = "" } = groups;
  return { ...line, connection, verb: verb!, rest, times: Number(times) };
}

function isSetting({ verb }: Step): boolean {
  return verb === "pool";
}
