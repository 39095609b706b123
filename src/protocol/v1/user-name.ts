/**
 * User names: `ADDRESS[.worker]`. The worker is what follows the first dot, "" if nothing does; `%XX` in it is decoded
 * once, because some firmware escapes what it sends; it has at most 128 characters, and those outside
 * `A-Za-z0-9._:@+-` become `_`, so that a name is harmless wherever it is shown. In a name that has no dot, a `%2E`
 * is the dot: there the firmware escaped it too.
 *
 * The address comes first because some firmware sends no more than 63 characters.
 */
export interface UserName {
  /** Unchecked: as the client wrote it. */
  readonly address: string;
  readonly worker: string;
}

export const maxWorkerLength = 128;

export function splitUserName(user: string): UserName {
  const dot = /\./.exec(user) ?? /%2E/i.exec(user);
  if (dot === null) return { address: user, worker: "" };
  return { address: user.slice(0, dot.index), worker: workerName(user.slice(dot.index + dot[0].length)) };
}

function workerName(text: string): string {
  const decoded = text
    .slice(0, 3 * maxWorkerLength)
    .replace(/%([0-9a-fA-F]{2})/g, (_, digits: string) => String.fromCharCode(Number.parseInt(digits, 16)));
  return decoded.slice(0, maxWorkerLength).replace(/[^A-Za-z0-9._:@+-]/g, "_");
}
