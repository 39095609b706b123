import { rmSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { atExit } from "./at-exit.ts";

/** Folders that still exist; what a failed test leaves behind goes when its process ends. */
const standing = new Set<string>();
atExit(() => {
  for (const path of standing) rmSync(path, { recursive: true, force: true });
});

/** A new folder that is gone when the tests are: after `remove`, or at the end of this process. */
export async function temporaryFolder(
  name: string,
): Promise<{ readonly path: string; readonly remove: () => Promise<void> }> {
  const path = await mkdtemp(join(tmpdir(), `penstock-${name}-`));
  standing.add(path);
  const remove = async () => {
    await rm(path, { recursive: true, force: true, maxRetries: 3 });
    standing.delete(path);
  };
  return { path, remove };
}
