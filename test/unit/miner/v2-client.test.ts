import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { decodeHeader } from "../../../src/bitcoin/header.ts";
import type { Outcome, Work } from "../../../src/miner/pool-client.ts";
import { V2Client, type V2ClientOptions } from "../../../src/miner/v2-client.ts";
import { loadAddon } from "../../../src/native/index.ts";
import { createTransports } from "../../../src/pool/frame-transports.ts";
import {
  closeChannel,
  openExtendedMiningChannelSuccess,
  openMiningChannelError,
  openStandardMiningChannelSuccess,
  setExtranoncePrefix,
  setGroupChannel,
  setTarget,
} from "../../../src/protocol/v2/channels.ts";
import {
  channelEndpointChanged,
  reconnect,
  setupConnectionError,
  setupConnectionSuccess,
} from "../../../src/protocol/v2/common.ts";
import { newExtendedMiningJob, newMiningJob, setNewPrevHash } from "../../../src/protocol/v2/jobs.ts";
import { submitSharesError, submitSharesSuccess } from "../../../src/protocol/v2/shares.ts";
import { aClock } from "../../support/clock.ts";
import { until } from "../../support/deadline.ts";
import { serverAuthority, V2Server } from "../../support/v2-server.ts";

const addon = loadAddon();
const transports = createTransports({ addon, longPayload: 65_536 });
const target = Buffer.alloc(32, 0x11);

let server: V2Server;
const clients: V2Client[] = [];

beforeEach(async () => {
  server = await V2Server.start();
});

afterEach(() => {
  for (const client of clients.splice(0)) client.close("the test is over");
  server.close();
});

interface Heard {
  readonly work: Work[];
  readonly refused: string[];
  readonly closed: string[];
}

function aClient(changes: Partial<V2ClientOptions> = {}): { client: V2Client; heard: Heard } {
  const heard: Heard = { work: [], refused: [], closed: [] };
  const client = new V2Client(
    {
      host: "127.0.0.1",
      port: server.port,
      authorityKey: serverAuthority,
      transports,
      clock: aClock(),
      user: "address.worker",
      agent: "a-miner/1",
      channel: "extended",
      nominalHashRate: 1_000_000,
      addon,
      ...changes,
    },
    {
      work: (work) => heard.work.push(work),
      refused: (sentence) => heard.refused.push(sentence),
      message: () => {},
      closed: (why) => heard.closed.push(why),
    },
  );
  clients.push(client);
  return { client, heard };
}

/** Resolves when it holds. */
async function soon(what: string, condition: () => boolean): Promise<void> {
  await until(condition, { timeoutMs: 10_000, what, intervalMs: 2 });
}

const job = {
  channelId: 3,
  jobId: 1,
  minNtime: undefined,
  version: 0x20000000,
  versionRollingAllowed: true,
  merklePath: [Buffer.alloc(32, 8)],
  coinbaseTxPrefix: Buffer.of(10),
  coinbaseTxSuffix: Buffer.of(11),
};
const standardJob = { channelId: 3, jobId: 1, minNtime: undefined, version: 0x20000000, merkleRoot: target };
const tip = { channelId: 3, jobId: 1, previousHash: Buffer.alloc(32, 5), minNtime: 1_000, nbits: 0x1d00ffff };

/** What the pool says first: it accepts the connection, and opens a channel with a job. */
const opening: Readonly<Record<string, readonly Buffer[]>> = {
  SetupConnection: [setupConnectionSuccess.encode({ usedVersion: 2, flags: 0 })],
  OpenExtendedMiningChannel: [
    openExtendedMiningChannelSuccess.encode({
      requestId: 1,
      channelId: 3,
      target,
      extranonceSize: 6,
      extranoncePrefix: Buffer.of(1, 2),
      groupChannelId: 2,
    }),
    newExtendedMiningJob.encode(job),
    setNewPrevHash.encode(tip),
  ],
  OpenStandardMiningChannel: [
    openStandardMiningChannelSuccess.encode({
      requestId: 1,
      channelId: 3,
      target,
      extranoncePrefix: Buffer.of(1, 2),
      groupChannelId: 2,
    }),
    newMiningJob.encode(standardJob),
    setNewPrevHash.encode(tip),
  ],
};

function answering(changes: Readonly<Record<string, readonly Buffer[]>> = {}): void {
  const answers = { ...opening, ...changes };
  server.onReceived = ({ name }) => answers[name] ?? [];
}

/** A client that has work. */
async function aWorkingClient(changes: Partial<V2ClientOptions> = {}) {
  answering();
  const { client, heard } = aClient(changes);
  await soon("work", () => heard.work.length > 0);
  return { client, heard, work: heard.work[0]! };
}

describe("a client", () => {
  test("introduces itself, and asks for an extended channel with extranonces of its own", async () => {
    const { work } = await aWorkingClient();
    expect(server.received).toEqual([
      {
        name: "SetupConnection",
        message: expect.objectContaining({
          protocol: 0,
          minVersion: 2,
          maxVersion: 2,
          flags: 0,
          endpointHost: "127.0.0.1",
          endpointPort: server.port,
          vendor: "a-miner",
          firmware: "1",
        }),
      },
      {
        name: "OpenExtendedMiningChannel",
        message: {
          requestId: 1,
          userIdentity: "address.worker",
          nominalHashRate: 1_000_000,
          maxTarget: Buffer.alloc(32, 0xff),
          minExtranonceSize: 4,
        },
      },
    ]);
    expect(work.clean).toBe(true);
    expect(work.unit(0, 0).target).toEqual(target);
  });

  test("hands in the shares of an extended channel with their extranonce and whole version", async () => {
    const { work } = await aWorkingClient();
    const unit = work.unit(35, 4);
    void unit.submit(77);
    const [share] = await server.untilReceived("SubmitSharesExtended");
    expect(share).toEqual({
      channelId: 3,
      sequenceNumber: 0,
      jobId: 1,
      nonce: 77,
      ntime: 1_004,
      version: 0x20006000,
      extranonce: Buffer.of(0, 0, 0, 0, 0, 2),
    });
    expect(decodeHeader(unit.header)).toMatchObject({ time: 1_004, version: 0x20006000 });
  });

  test("hands in the shares of a standard channel, one number after the other", async () => {
    const { work } = await aWorkingClient({ channel: "standard" });
    void work.unit(1, 0).submit(5);
    void work.unit(2, 0).submit(6);
    const shares = await server.untilReceived("SubmitSharesStandard", 2);
    const share = { channelId: 3, jobId: 1, ntime: 1_000 };
    expect(shares).toEqual([
      { ...share, sequenceNumber: 0, nonce: 5, version: 0x20002000 },
      { ...share, sequenceNumber: 1, nonce: 6, version: 0x20004000 },
    ]);
  });

  test("is told of its shares by numbers: counted, refused by code, or open at the end", async () => {
    const { work, heard } = await aWorkingClient();
    const outcomes: Promise<Outcome>[] = [0, 1, 2, 3].map((nonce) => work.unit(0, 0).submit(nonce));
    await server.untilReceived("SubmitSharesExtended", 4);
    server.send(
      submitSharesError.encode({ channelId: 3, sequenceNumber: 1, errorCode: "stale-share" }),
      // Another channel's.
      submitSharesSuccess.encode({
        channelId: 4,
        lastSequenceNumber: 3,
        newSubmitsAcceptedCount: 4,
        newSharesSum: 4n,
      }),
      submitSharesSuccess.encode({
        channelId: 3,
        lastSequenceNumber: 2,
        newSubmitsAcceptedCount: 2,
        newSharesSum: 2n,
      }),
    );
    expect(await Promise.all(outcomes.slice(0, 3))).toEqual([
      { kind: "accepted" },
      { kind: "rejected", why: "stale-share" },
      { kind: "accepted" },
    ]);
    server.hangUp();
    expect(await outcomes[3]).toEqual({ kind: "unanswered" });
    expect(heard.closed).toEqual(["the pool closed the connection"]);
    expect(await work.unit(0, 0).submit(9)).toEqual({ kind: "unanswered" });
  });

  test("works on what is said to its group, and keeps the present job's target when a new one is told", async () => {
    const { heard } = await aWorkingClient();
    const other = Buffer.alloc(32, 0x22);
    server.send(
      setGroupChannel.encode({ groupChannelId: 8, channelIds: [3] }),
      setTarget.encode({ channelId: 8, maximumTarget: other }),
      newExtendedMiningJob.encode({ ...job, channelId: 8, jobId: 2, minNtime: 1_010 }),
    );
    await soon("the group's job", () => heard.work.length === 2);
    expect(heard.work[0]!.unit(0, 0).target).toEqual(target);
    expect(heard.work[1]!.clean).toBe(false);
    expect(heard.work[1]!.unit(0, 0).target).toEqual(other);
    server.send(
      newExtendedMiningJob.encode({ ...job, channelId: 2, jobId: 3, minNtime: 1_010 }),
      newExtendedMiningJob.encode({ ...job, channelId: 8, jobId: 4 }),
      setNewPrevHash.encode({ ...tip, channelId: 8, jobId: 4, minNtime: 1_020 }),
    );
    await soon("the next tip", () => heard.work.length === 3);
    expect(heard.work[2]!.clean).toBe(true);
    expect(decodeHeader(heard.work[2]!.unit(0, 1).header).time).toBe(1_021);
  });

  test("takes another prefix for the jobs behind it", async () => {
    const { heard } = await aWorkingClient();
    server.send(
      setExtranoncePrefix.encode({ channelId: 3, extranoncePrefix: Buffer.of(9) }),
      newExtendedMiningJob.encode({ ...job, jobId: 2, minNtime: 1_000 }),
    );
    await soon("the job", () => heard.work.length === 2);
    const [before, after] = heard.work.map((work) => decodeHeader(work.unit(0, 0).header).merkleRoot);
    expect(after).not.toEqual(before);
  });

  test("leaves the version as it is where the pool fixes it", async () => {
    answering({ SetupConnection: [setupConnectionSuccess.encode({ usedVersion: 2, flags: 1 })] });
    const { heard } = aClient();
    await soon("work", () => heard.work.length > 0);
    const versions = [0, 1, 2].map((index) => decodeHeader(heard.work[0]!.unit(index, 0).header).version);
    expect(versions).toEqual([0x20000000, 0x20000000, 0x20000000]);
  });

  test("passes over messages that are not for it", async () => {
    const { heard } = await aWorkingClient();
    server.send(
      channelEndpointChanged.encode({ channelId: 3 }),
      newExtendedMiningJob.encode({ ...job, channelId: 5, jobId: 2, minNtime: 1_000 }),
      closeChannel.encode({ channelId: 5, reasonCode: "not-yours" }),
      // Of an extension that nobody knows.
      Buffer.of(0x34, 0x12, 0x99, 1, 0, 0, 7),
      newExtendedMiningJob.encode({ ...job, jobId: 3, minNtime: 1_000 }),
    );
    await soon("its own job", () => heard.work.length === 2);
    expect(heard).toMatchObject({ refused: [], closed: [] });
  });
});

describe("a client gives up for good, and says why,", () => {
  test.each<[string, Readonly<Record<string, readonly Buffer[]>>, string]>([
    [
      "when the pool does not take the connection",
      { SetupConnection: [setupConnectionError.encode({ flags: 0, errorCode: "unsupported-protocol" })] },
      "the pool does not accept the connection: unsupported-protocol",
    ],
    [
      "when the pool does not know the user",
      {
        OpenStandardMiningChannel: [
          openMiningChannelError.encode({ requestId: 1, errorCode: "unknown-user" }),
        ],
      },
      'the pool opens no channel for the user "address.worker": unknown-user',
    ],
    [
      "when the pool has no standard channels",
      { SetupConnection: [setupConnectionSuccess.encode({ usedVersion: 2, flags: 2 })] },
      "the pool does not serve standard channels: use --channel extended",
    ],
  ])("%s", async (_, answers, sentence) => {
    answering(answers);
    const { heard } = aClient({ channel: "standard" });
    await soon("the refusal", () => heard.refused.length > 0);
    expect(heard.refused).toEqual([sentence]);
  });
});

describe("a client leaves, to come back later,", () => {
  test("when the pool is full", async () => {
    const error = { requestId: 1, errorCode: "channel-capacity-exhausted" };
    answering({ OpenExtendedMiningChannel: [openMiningChannelError.encode(error)] });
    const { heard } = aClient();
    await soon("the end", () => heard.closed.length > 0);
    expect(heard).toMatchObject({
      refused: [],
      closed: ["the pool opens no channel: channel-capacity-exhausted"],
    });
  });

  test.each<[string, readonly Buffer[], string | RegExp]>([
    [
      "when it is asked to, wherever it is sent",
      [reconnect.encode({ newHost: "elsewhere.example", newPort: 1 })],
      "the pool asked to connect again",
    ],
    [
      "when its channel is closed",
      [closeChannel.encode({ channelId: 3, reasonCode: "enough" })],
      "the pool closed the channel: enough",
    ],
    [
      "when its group is closed",
      [closeChannel.encode({ channelId: 2, reasonCode: "enough" })],
      "the pool closed the channel: enough",
    ],
    [
      "when a tip names a job that was not sent",
      [setNewPrevHash.encode({ ...tip, jobId: 99 })],
      "the pool sent something odd: SetNewPrevHash names job 99, which was not sent before",
    ],
    [
      "when a message is cut short",
      [Buffer.of(0, 0x80, 0x20, 4, 0, 0, 3, 0, 0, 0)],
      /^the pool sent something odd: SetNewPrevHash: /,
    ],
  ])("%s", async (_, frames, why) => {
    const { heard } = await aWorkingClient();
    server.send(...frames);
    await soon("the end", () => heard.closed.length > 0);
    expect(heard.closed).toEqual([typeof why === "string" ? why : expect.stringMatching(why)]);
    expect(server.connections).toBe(1);
  });

  test("when what comes was not sealed by the pool", async () => {
    const { heard } = await aWorkingClient();
    server.sendRaw(Buffer.alloc(64));
    await soon("the end", () => heard.closed.length > 0);
    expect(heard.closed).toEqual(["what the pool sent was changed on the way"]);
  });

  test.each([
    [
      "is of another authority",
      { authorityKey: Buffer.alloc(32, 2) },
      /signed by another authority .*: check the key$/,
    ],
    ["has expired", { clock: aClock(2_000_000_100_000) }, /has expired/],
    ["is of the future", { clock: aClock(100_000) }, /not valid yet: check the clocks$/],
  ])("when the pool's certificate %s, and has said nothing", async (_, changes, why) => {
    answering();
    const { heard } = aClient(changes);
    await soon("the end", () => heard.closed.length > 0);
    expect(heard.closed).toEqual([expect.stringMatching(why)]);
    expect(server.received).toEqual([]);
  });

  test("when nobody listens", async () => {
    const { port } = server;
    server.close();
    const { heard } = aClient({ port });
    await soon("the end", () => heard.closed.length > 0);
    expect(heard.closed).toEqual([expect.stringContaining("ECONNREFUSED")]);
  });
});
