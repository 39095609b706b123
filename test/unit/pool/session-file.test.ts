import { appendFile, mkdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { SessionFile } from "../../../src/pool/session-file.ts";
import { aClock } from "../../support/clock.ts";
import { silentLog } from "../../support/silent-log.ts";
import { temporaryFolder } from "../../support/temporary.ts";

let folder: Awaited<ReturnType<typeof temporaryFolder>>;
beforeEach(async () => {
  folder = await temporaryFolder("session-file");
});
afterEach(() => folder.remove());

const newestJob = 50;
const anAssignment = { number: 7, variant: 0, difficulty: 64 };

function aFile({ clock = aClock(), keepMs = 60_000, most = 100, file = join(folder.path, "worker-1") } = {}) {
  const warnings: unknown[] = [];
  const log = { ...silentLog, warn: (fields: object) => warnings.push(fields) };
  return { file, clock, warnings, sessions: new SessionFile({ file, clock, log, keepMs, most }) };
}

function open(sessions: SessionFile, sessionId: string, extranonce1: number): void {
  sessions.opened(sessionId, extranonce1, "pplns");
  sessions.assigned(sessionId, anAssignment);
}

const session = (sessionId: string, extranonce1: number, changes: object) => ({
  sessionId,
  extranonce1,
  scheme: "pplns",
  assignments: [anAssignment],
  ...changes,
});

test("at first there is nothing, in a folder that did not exist either", async () => {
  const { sessions } = aFile({ file: join(folder.path, "new", "worker-1") });
  expect(await sessions.open(newestJob)).toEqual([]);
});

test("sessions that ended, and those that lived to the end of the process, are there for the next", async () => {
  const clock = aClock();
  const before = aFile({ clock }).sessions;
  await before.open(newestJob);
  open(before, "ended", 1);
  open(before, "lives", 2);
  open(before, "again", 3);
  before.opened("idle", 4, "pplns");
  before.ended("idle", -1);
  before.ended("ended", 9);
  before.ended("again", 9);
  const endedMs = clock.wallMs();
  before.resumed("again");
  clock.advance(1000);
  await before.flush();
  expect(await aFile({ clock }).sessions.open(newestJob)).toEqual([
    session("ended", 1, { lastJobNumber: 9, endedMs }),
    session("lives", 2, { lastJobNumber: newestJob, endedMs: endedMs + 1000 }),
    session("again", 3, { lastJobNumber: newestJob, endedMs: endedMs + 1000 }),
  ]);
});

test("a session that nobody came back for is not there for ever, however often the process starts", async () => {
  const clock = aClock();
  const first = aFile({ clock }).sessions;
  await first.open(newestJob);
  open(first, "lost", 1);
  await first.flush();
  for (let start = 0; start < 3; start++) {
    const { sessions } = aFile({ clock });
    expect(await sessions.open(newestJob)).toHaveLength(1);
    clock.advance(19_999);
    await sessions.flush();
  }
  clock.advance(10);
  expect(await aFile({ clock }).sessions.open(newestJob)).toEqual([]);
});

test("a session that was taken up and lived to the end of the next process is there for the one after", async () => {
  const clock = aClock();
  const first = aFile({ clock }).sessions;
  await first.open(newestJob);
  open(first, "a", 1);
  await first.flush();
  const second = aFile({ clock }).sessions;
  await second.open(newestJob);
  second.resumed("a");
  clock.advance(3_600_000);
  await second.flush();
  expect(await aFile({ clock }).sessions.open(newestJob + 1)).toEqual([
    session("a", 1, { lastJobNumber: newestJob + 1, endedMs: clock.wallMs() }),
  ]);
});

test("only the newest are kept when there are more than the bound", async () => {
  const clock = aClock();
  const { sessions } = aFile({ clock });
  await sessions.open(newestJob);
  for (const number of [1, 2, 3]) {
    open(sessions, `s${number}`, number);
    sessions.ended(`s${number}`, 9);
    clock.advance(1);
  }
  await sessions.flush();
  const kept = await aFile({ clock, most: 2 }).sessions.open(newestJob);
  expect(kept.map(({ sessionId }) => sessionId)).toEqual(["s2", "s3"]);
});

test("behind a line that was torn everything is read that makes sense", async () => {
  const clock = aClock();
  const { sessions, file } = aFile({ clock });
  await sessions.open(newestJob);
  open(sessions, "a", 1);
  await sessions.flush();
  await appendFile(file, "a a 8 0 12");
  expect(await aFile({ clock }).sessions.open(newestJob)).toHaveLength(1);
  await appendFile(file, "o b 2 pp");
  open(sessions, "c", 3);
  sessions.ended("a", 9);
  await sessions.flush();
  const names = (await aFile({ clock }).sessions.open(newestJob)).map(({ sessionId }) => sessionId);
  expect(names).toEqual(["a"]);
});

test("a file of rubbish has no sessions, and is written anew", async () => {
  const { sessions, file } = aFile();
  await writeFile(file, Buffer.alloc(1000, 0xff));
  expect(await sessions.open(newestJob)).toEqual([]);
  expect(await readFile(file, "utf8")).toMatch(/^penstock-sessions 1\n/);
});

test("grown by 8 MiB the file is written anew: what lives, and what can still be taken up", async () => {
  const clock = aClock();
  const { sessions, file } = aFile({ clock });
  await sessions.open(newestJob);
  open(sessions, "lives", 1);
  open(sessions, "over", 2);
  sessions.ended("over", 9);
  await sessions.flush();
  clock.advance(60_000);
  open(sessions, "ended", 3);
  sessions.ended("ended", 9);
  for (let i = 0; i < 9; i++) {
    for (let j = 0; j < 50_000; j++)
      sessions.assigned("lives", { number: i * 50_000 + j, variant: 0, difficulty: 1 });
    await sessions.flush();
  }
  expect((await stat(file)).size).toBeLessThan(4 * 2 ** 20);
  const text = await readFile(file, "utf8");
  expect(text).toContain("o lives 1 pplns\n");
  expect(text).not.toContain("e lives");
  expect(text).toContain("e ended 9 ");
  expect(text).not.toContain("over");
});

test("trouble with the disk is said once, costs no share and does not stop the start", async () => {
  const blocked = join(folder.path, "blocked");
  await writeFile(blocked, "a file where a folder should be");
  const { sessions, warnings } = aFile({ file: join(blocked, "worker-1") });
  expect(await sessions.open(newestJob)).toEqual([]);
  open(sessions, "a", 1);
  await sessions.flush();
  await sessions.flush();
  expect(warnings).toEqual([expect.objectContaining({ event: "sessions-not-saved" })]);
});

test("when the disk is well again lines are written again", async () => {
  const { sessions, file, clock } = aFile();
  await sessions.open(newestJob);
  await rm(file);
  await mkdir(file);
  await sessions.flush();
  await rm(file, { recursive: true });
  await writeFile(file, "penstock-sessions 1\n");
  open(sessions, "a", 1);
  await sessions.flush();
  expect(await aFile({ clock }).sessions.open(newestJob)).toHaveLength(1);
});
