import { expect, test } from "vitest";
import { type Health, Serving } from "../../../src/pool/serving.ts";
import { silentLog } from "../../support/silent-log.ts";

function aWorker({ portTaken = false } = {}) {
  const acts: string[] = [];
  const told: Health[] = [];
  const own: string[] = [];
  const serving = new Serving({
    stratum: {
      open: async () => {
        if (portTaken) throw new Error("another program listens on port 3333");
        acts.push("open");
      },
      suspend: async (reason) => void acts.push(`suspend: ${reason}`),
      close: async () => void acts.push("close"),
    },
    log: silentLog,
    ownReasons: () => own,
    onChange: (health) => told.push(health),
  });
  return { serving, acts, told, own };
}

test("a worker listens once it has a job and nothing speaks against it", async () => {
  const { serving, acts, told } = aWorker();
  serving.primarySays([]);
  await serving.settled();
  expect(acts).toEqual([]);
  expect(told.at(-1)).toEqual({ reasons: ["there is no job yet"], listening: false });
  serving.haveJob();
  await serving.settled();
  expect(acts).toEqual(["open"]);
  expect(told.at(-1)).toEqual({ reasons: [], listening: true });
});

test("any reason closes the port, so that miners go to their backup pool, and it opens again when the reason is gone", async () => {
  const { serving, acts, own } = aWorker();
  serving.haveJob();
  serving.primarySays([]);
  await serving.settled();
  own.push("the disk of the journal is full");
  serving.review();
  await serving.settled();
  own.length = 0;
  serving.review();
  await serving.settled();
  expect(acts).toEqual(["open", "suspend: the disk of the journal is full", "open"]);
});

test("a port that cannot be had is a reason that readiness shows", async () => {
  const { serving, told } = aWorker({ portTaken: true });
  serving.haveJob();
  serving.primarySays([]);
  await serving.settled();
  expect(told.at(-1)).toEqual({ reasons: ["another program listens on port 3333"], listening: false });
  await serving.close();
});

test("after close nothing opens any more", async () => {
  const { serving, acts } = aWorker();
  serving.haveJob();
  await serving.close();
  serving.primarySays([]);
  await serving.settled();
  expect(acts).toEqual(["close"]);
});
