export const PLANTED: string;

export function fuzzTargets(): Promise<readonly string[]>;

export function buildFuzzTargets(options: {
  readonly log: (line: string) => void;
}): Promise<(target: string) => string>;

export function fuzzArguments(
  target: string,
  options: Readonly<Record<string, string | number>>,
): readonly string[];

export function corpusOf(target: string): string;

export function fuzzEnvironment(): NodeJS.ProcessEnv;
