/** What a server prints before it is ready, or ends: first to a file of ours, then to the logs in its own folder. */
import { randomBytes } from "node:crypto";
import { readdir, readFile, rm, stat } from "node:fs/promises";
import { join } from "node:path";

const linesKept = 15;

export interface Printed {
  /** Where its output has to go. */
  readonly file: string;
  /** The end of what was printed since; the file is gone afterwards. */
  text(): Promise<string>;
  forget(): Promise<void>;
}

export async function listen(cluster: string, runFolder: string): Promise<Printed> {
  // A file for each attempt: two pools may try at the same time.
  const file = join(runFolder, `start-${randomBytes(4).toString("hex")}.log`);
  const before = await sizesIn(join(cluster, "log"));
  const forget = () => rm(file, { force: true });
  return {
    file,
    forget,
    text: async () => {
      const parts = [await textAfter(file, 0)];
      const after = await sizesIn(join(cluster, "log"));
      for (const [path, size] of after) {
        const known = before.get(path) ?? 0;
        if (size !== known) parts.push(await textAfter(path, size > known ? known : 0));
      }
      await forget();
      return parts.join("").trim().split("\n").slice(-linesKept).join("\n");
    },
  };
}

async function sizesIn(folder: string): Promise<Map<string, number>> {
  const names = await readdir(folder).catch(() => []);
  const paths = names.map((name) => join(folder, name));
  return new Map(await Promise.all(paths.map(async (path) => [path, (await stat(path)).size] as const)));
}

async function textAfter(file: string, offset: number): Promise<string> {
  const bytes = await readFile(file).catch(() => Buffer.alloc(0));
  return bytes.subarray(offset).toString("utf8");
}
