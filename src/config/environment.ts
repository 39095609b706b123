/** The only place that reads the environment, with the list of what it may hold. */
export type Environment = Readonly<Record<string, string | undefined>>;

export const environmentVariables = [
  {
    name: "PENSTOCK_CONFIG",
    about: "Path of the configuration file when no command-line option names one; default `penstock.yaml`.",
  },
  {
    name: "PENSTOCK_SHA256",
    about:
      "Name of the SHA-256 kernel with which `serve` judges instead of the fastest that this processor has; for measuring.",
  },
] as const;

export function processEnvironment(): Environment {
  return process.env;
}

/** The SHA-256 kernel that the environment asks for; undefined: the best there is. */
export function sha256Kernel(environment: Environment = processEnvironment()): string | undefined {
  return environment["PENSTOCK_SHA256"];
}

export interface Substitution {
  readonly text: string;
  /** Names that were filled in. */
  readonly used: readonly string[];
  readonly missing: readonly string[];
  /** `${` that does not begin a variable's name. */
  readonly broken: boolean;
}

/** Fills in `${NAME}`; `$${` stands for a literal `${`. What is filled in is not looked at again. */
export function substitute(written: string, environment: Environment): Substitution {
  const used: string[] = [];
  const missing: string[] = [];
  let broken = false;
  const text = written.replace(/\$(\$\{)|\$\{(?:([A-Za-z_][A-Za-z0-9_]*)\})?/g, (_, escaped, name) => {
    if (escaped !== undefined) return escaped;
    if (name === undefined) broken = true;
    else (Object.hasOwn(environment, name) ? used : missing).push(name);
    return environment[name] ?? "";
  });
  return { text, used, missing, broken };
}
