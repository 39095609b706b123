interface Options {
  readonly log: (line: string) => void;
  readonly buildDir?: string;
  /** A command line; default $CXX, else g++ or clang++. */
  readonly compiler?: string;
}

interface Built {
  readonly path: string;
  /** False when what was there is up to date. */
  readonly built: boolean;
}

export function buildNative(options: Options): Promise<Built>;

export function buildCoreProgram(
  options: Options & {
    readonly source: string;
    readonly more?: readonly string[];
    readonly flags: readonly string[];
    /** What the program is for, as in process.arch; default this machine. */
    readonly machine?: string;
  },
): Promise<Built>;

/** How the addon's files are compiled: all of them, and those for some processors only, by file and process.arch. */
export const commonFlags: readonly string[];
export const addonFlags: readonly string[];
export const kernelFlags: Readonly<Record<string, Readonly<Record<string, readonly string[]>>>>;
