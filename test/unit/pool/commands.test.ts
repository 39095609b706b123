import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { controlHandlers, openControlIfPossible } from "../../../src/pool/commands.ts";
import type { ToWorker } from "../../../src/processes/messages.ts";
import { Bans } from "../../../src/stratum/bans.ts";
import { aClock } from "../../support/clock.ts";
import { silentLog } from "../../support/silent-log.ts";
import { temporaryFolder } from "../../support/temporary.ts";

function aPool() {
  const clock = aClock();
  const bans = new Bans(30_000);
  const told: ToWorker[] = [];
  const handlers = controlHandlers({
    bans,
    clock,
    log: silentLog,
    broadcast: (message) => told.push(message),
    tell: async (message) => {
      told.push(message(7));
      return 3;
    },
  });
  return { clock, bans, told, handlers };
}

test("a ban by command holds here and is told to all workers", async () => {
  const { handlers, told, clock } = aPool();
  const { ban } = await handlers["bans-add"]({ network: "192.0.2.0/24", forSeconds: 60 });
  const notice = { network: "192.0.2.0/24", untilMs: clock.wallMs() + 60_000, cause: "command", round: 0 };
  expect(ban).toEqual(notice);
  expect(told).toEqual([{ type: "bans", notices: [notice] }]);
  expect(await handlers["bans-list"]({})).toEqual({ bans: [notice] });
});

test("a ban that makes no sense is refused and told to nobody", () => {
  const { handlers, told } = aPool();
  expect(() => handlers["bans-add"]({ network: "everybody", forSeconds: 60 })).toThrow(
    expect.objectContaining({ code: "BAN_NETWORK_INVALID" }),
  );
  expect(told).toEqual([]);
});

test("bans are lifted here and by all workers, one or all of them", async () => {
  const { handlers, told, bans, clock } = aPool();
  for (const network of ["192.0.2.0/24", "198.51.100.1"])
    await handlers["bans-add"]({ network, forSeconds: 60 });
  expect(await handlers["bans-lift"]({ network: "198.51.100.1" })).toEqual({
    lifted: 1,
    stillBannedBy: null,
  });
  expect(await handlers["bans-lift"]({ network: "192.0.2.7" })).toMatchObject({
    stillBannedBy: "192.0.2.0/24",
  });
  expect(await handlers["bans-lift"]({ network: null })).toMatchObject({ lifted: 1 });
  expect(bans.list(clock.wallMs())).toEqual([]);
  expect(told.slice(2)).toEqual([
    { type: "bans-lifted", network: "198.51.100.1" },
    { type: "bans-lifted", network: "192.0.2.7" },
    { type: "bans-lifted", network: undefined },
  ]);
});

test("words for people and drains go to all workers, and the answer says to how many connections", async () => {
  const { handlers, told } = aPool();
  expect(await handlers.message({ text: "hello" })).toEqual({ connections: 3 });
  expect(await handlers.drain({ to: null, overSeconds: 60 })).toEqual({ connections: 3 });
  await handlers.drain({ to: { host: "other.example", port: 3333 }, overSeconds: 0 });
  expect(told).toEqual([
    { type: "show", id: 7, text: "hello" },
    { type: "drain", id: 7, elsewhere: undefined, overSeconds: 60 },
    {
      type: "drain",
      id: 7,
      elsewhere: { host: "other.example", port: 3333, waitSeconds: 0 },
      overSeconds: 0,
    },
  ]);
});

test("where the data directory's path is too long for a socket the pool serves without commands, and says so", async () => {
  const folder = await temporaryFolder("commands");
  const long = join(folder.path, "x".repeat(120));
  await mkdir(long);
  const warnings: object[] = [];
  const log = { ...silentLog, warn: (fields: object) => warnings.push(fields) };
  expect(await openControlIfPossible(long, aPool().handlers, log)).toBeUndefined();
  expect(warnings).toEqual([{ event: "control-unavailable" }]);
  await folder.remove();
});
