/** What is known of a client by the name that it gives itself. Rows come in as values; config/firmware.yaml has them. */

/** How one kind of firmware, client or proxy differs from what Stratum's documents say. */
export interface FirmwareProfile {
  readonly name: string;
  /** Patterns of user agents: `*` stands for any text, upper and lower case are the same, the whole agent matches. */
  readonly agents: readonly string[];
  /** User agents as the pool sees them. */
  readonly examples: readonly string[];
  readonly about: string;
  readonly sources: readonly string[];
  /** Largest coinbase, without its witness, that it takes. */
  readonly coinbaseBytes: number;
  /** Vardiff goes no lower by itself. */
  readonly difficultyMin: number;
  readonly difficultyStart: number | undefined;
  /** Whether it understands difficulties below 1 and such that are not whole. */
  readonly fractionalDifficulty: boolean;
  readonly extranonce2Bytes: { readonly min: number; readonly max: number };
  /** When mining.set_version_mask may come; the first job after authorization is meant. */
  readonly versionMaskMessage: "never" | "before-first-job";
  /** false: keeps the threshold that mining.configure's minimum-difficulty told it. */
  readonly followsRaises: boolean;
  /** false: tunes itself for minutes, and is not to be flooded once it begins. */
  readonly easesBeforeFirstShare: boolean;
  readonly userNameBytes: number;
  /** It cuts user names to so many characters when it submits. */
  readonly userNameCut: number | undefined;
  readonly showsMessages: boolean;
  readonly followsReconnect: "anywhere" | "same-domain" | "same-host" | "never";
}

/** Name of the profile of clients that no other matches. */
export const unknownFirmware = "default";

export interface FirmwareProfiles {
  /** In file order: the first that matches wins. */
  readonly profiles: readonly FirmwareProfile[];
  /** Of clients that none matches. */
  readonly unknown: FirmwareProfile;
}

/** @param agent as decoded from mining.subscribe: at most 128 characters; "" if the client did not say. */
export type MatchFirmware = (agent: string) => FirmwareProfile;

/** Agents remembered with their profile: more than there are versions in the field. The oldest makes room. */
const maxRemembered = 1024;

export function createFirmwareTable({ profiles, unknown }: FirmwareProfiles): MatchFirmware {
  const rows = profiles.map((profile) => ({ profile, patterns: profile.agents.map(compileAgentPattern) }));
  const remembered = new Map<string, FirmwareProfile>();
  return (agent) => {
    const known = remembered.get(agent);
    if (known !== undefined) return known;
    const row = rows.find(({ patterns }) => patterns.some((matches) => matches(agent)));
    const profile = row?.profile ?? unknown;
    if (remembered.size >= maxRemembered) remembered.delete(remembered.keys().next().value!);
    remembered.set(agent, profile);
    return profile;
  };
}

/**
 * `*` is the only special character. Each text between stars is looked for once, to the right of the one before it, so
 * that no agent, however made, costs more than its length.
 */
export function compileAgentPattern(pattern: string): (agent: string) => boolean {
  const [first, ...others] = pattern.toLowerCase().split("*") as [string, ...string[]];
  const last = others.pop();
  if (last === undefined) return (agent) => agent.toLowerCase() === first;
  return (agent) => {
    const text = agent.toLowerCase();
    const end = text.length - last.length;
    if (end < first.length || !text.startsWith(first) || !text.endsWith(last)) return false;
    let from = first.length;
    for (const part of others) {
      const found = text.indexOf(part, from);
      if (found < 0 || found + part.length > end) return false;
      from = found + part.length;
    }
    return true;
  };
}
