import { expect, test } from "vitest";
import type { Scheme } from "../../src/journal/record.ts";
import { loadAddon } from "../../src/native/index.ts";
import {
  closeChannel,
  openExtendedMiningChannel,
  openStandardMiningChannel,
  updateChannel,
} from "../../src/protocol/v2/channels.ts";
import { requestExtensions } from "../../src/protocol/v2/extensions.ts";
import { submitSharesExtended, submitSharesStandard } from "../../src/protocol/v2/shares.ts";
import { encodeUserIdentity } from "../../src/protocol/v2/worker-tracking.ts";
import type { MiningChannel } from "../../src/stratum/v2/mining-channel.ts";
import { aClock, type FakeClock } from "../support/clock.ts";
import { aFrameEngine, type FrameEngine } from "../support/frame-engine.ts";
import { mulberry32 } from "../support/random.ts";
import { anAddress } from "../support/stratum.ts";
import { anyTarget, aV2Job } from "../support/v2-pool.ts";
import { currentBinding } from "../unit/native/binding.ts";

/** PENSTOCK_FRAMES makes a long campaign of it. */
const frames = Number(process.env["PENSTOCK_FRAMES"] ?? 200_000);

type Below = (limit: number) => number;

/** One hash in 32 is a block. */
const bits = 0x2007ffff;
/** About every second hash is a share. */
const difficulty = 4e-10;
/** Of a device that makes its six shares a minute at that. */
const hashRate = (difficulty * 2 ** 32) / 10;

/** One random history, shown to both ways. */
class Story {
  readonly #below: Below;
  readonly #clock: FakeClock;
  readonly #engines: readonly FrameEngine[];
  #number = 1;
  #tip = 1;
  #sequence = 1;
  #sent: Buffer[] = [];

  constructor(seed: number, kernel: string) {
    this.#below = mulberry32(seed);
    this.#clock = aClock();
    const addon = loadAddon({ kernel });
    // In some the window fills up: the share that finds it full ends the connection.
    const seenShares = seed % 8 === 0 ? 300 : 1_000_000;
    const scheme: Scheme = seed % 3 === 0 ? "solo" : "pplns";
    const common = { addon, clock: this.#clock, difficulty, batchBytes: 20_000, seenShares, scheme };
    this.#engines = [aFrameEngine({ ...common, native: true }), aFrameEngine({ ...common, native: false })];
  }

  get native(): number {
    return this.#engines[0]!.native;
  }
  get counted(): ReadonlyMap<string, number> {
    return this.#engines[0]!.counted;
  }

  /** Tells `length` steps; both ways must have said and written the same after each. */
  tell(length: number): number {
    this.#addJob();
    if (this.#below(2) === 0)
      this.#receive(requestExtensions.encode({ requestId: 1, requestedExtensions: [2] }));
    for (let i = 0; i < 4; i++) this.#openChannel();
    let written = 0;
    for (let step = 0; step < length && this.#engines[0]!.endReason === ""; step++) written += this.#step();
    this.#commit(true);
    expect(this.#engines[0]!.counted).toEqual(this.#engines[1]!.counted);
    return written;
  }

  #step(): number {
    const below = this.#below;
    const choice = below(70);
    if (choice === 0) this.#addJob();
    else if (choice === 1) this.#openChannel();
    else if (choice === 2) this.#clock.advance(below(10_000));
    else if (choice < 6) this.#commit(below(40) > 0);
    else if (choice === 6) this.#receive(this.#change());
    else if (choice === 7) this.#both((engine) => engine.session.sweep(this.#clock.monotonicMs()));
    else if (choice < 10) this.#both((engine) => engine.acknowledge());
    else {
      const batch = Array.from({ length: 1 + below(40) }, () => this.#frame());
      this.#receive(Buffer.concat(batch));
      return batch.length;
    }
    return 0;
  }

  #addJob(): void {
    const below = this.#below;
    if (below(3) === 0) this.#tip += 1;
    const data = aV2Job({
      number: this.#number++,
      tipNumber: this.#tip,
      previousHash: new Uint8Array(32).fill(this.#tip),
      bits,
      version: below(3) === 0 ? 0x2000e000 : 0x20000000,
      minTime: 1_699_999_000,
      startTime: 1_700_000_000 - below(500),
      clean: below(2) === 0,
      merkleBranch: Array.from({ length: below(5) }, (_, index) => new Uint8Array(32).fill(index)),
    });
    this.#both((engine) => engine.addJob(data));
  }

  #openChannel(): void {
    const below = this.#below;
    const request = {
      requestId: 1,
      userIdentity: `${anAddress}.${["rig", "", "other"][below(3)]}`,
      nominalHashRate: below(3) === 0 ? 0 : hashRate * (1 + below(3)),
      maxTarget: anyTarget,
    };
    this.#receive(
      below(2) === 0
        ? openStandardMiningChannel.encode(request)
        : openExtendedMiningChannel.encode({ ...request, minExtranonceSize: below(2) * 16 }),
    );
  }

  /** A channel ends, or its device is another. */
  #change(): Buffer {
    const { id: channelId } = this.#channel();
    if (this.#below(3) === 0) return closeChannel.encode({ channelId, reasonCode: "" });
    const nominalHashRate = hashRate * (1 + this.#below(4));
    return updateChannel.encode({ channelId, nominalHashRate, maximumTarget: anyTarget });
  }

  #receive(bytes: Buffer): void {
    this.#both((engine) => engine.receive(bytes));
  }

  #commit(durable: boolean): void {
    const [native, long] = this.#engines.map((engine) => engine.commit(durable).toString("hex"));
    expect(native).toBe(long);
    this.#compare();
  }

  #both(act: (engine: FrameEngine) => void): void {
    for (const engine of this.#engines) act(engine);
    this.#compare();
  }

  #compare(): void {
    const [native, long] = this.#engines.map((engine) => engine.takeSent());
    if (!native!.equals(long!)) expect(native!.toString("hex")).toBe(long!.toString("hex"));
    expect(this.#engines[0]!.endReason).toBe(this.#engines[1]!.endReason);
  }

  #channel(): Pick<MiningChannel, "id" | "kind" | "extranonceSize"> {
    const channels = [...this.#engines[0]!.session.channels];
    return channels[this.#below(channels.length)] ?? { id: 1, kind: "standard", extranonceSize: 0 };
  }

  /** A share of some kind. */
  #frame(): Buffer {
    const below = this.#below;
    // The very share of before.
    if (below(30) === 0 && this.#sent.length > 0) return this.#sent[below(this.#sent.length)]!;
    const frame = this.#mutated(this.#usual());
    if (this.#sent.length < 500) this.#sent.push(frame);
    else this.#sent[below(500)] = frame;
    return frame;
  }

  #usual(): Buffer {
    const below = this.#below;
    const { id, kind, extranonceSize } = this.#channel();
    const share = {
      channelId: below(60) === 0 ? below(12) : id,
      sequenceNumber: this.#sequence++,
      jobId: this.#jobName(),
      nonce: below(2 ** 32),
      // Jobs that are sent again begin later than those before.
      ntime: Math.floor(this.#clock.wallMs() / 1000) + (below(20) === 0 ? below(20_000) - 10_000 : below(3)),
      version: this.#version(),
    };
    const isOther = below(60) === 0;
    if ((kind === "standard") !== isOther) return submitSharesStandard.encode(share);
    const length = below(40) === 0 ? below(20) : extranonceSize;
    const extranonce = Buffer.alloc(length, below(3) === 0 ? 0xaa : below(256));
    return submitSharesExtended.encode({ ...share, extranonce }, this.#extra());
  }

  /** Mostly the newest that the connection was sent. */
  #jobName(): number {
    const { names } = this.#engines[0]!.session;
    let newest = 0;
    for (let name = this.#newestName; names.jobOf(name) !== undefined; name++)
      newest = this.#newestName = name;
    return Math.max(1, newest - (this.#below(8) === 0 ? this.#below(9) : 0));
  }
  #newestName = 1;

  #version(): number {
    const below = this.#below;
    const rolled = below(2) === 0 ? below(1 << 16) << 13 : 0;
    if (below(30) === 0) return below(2 ** 32);
    return (0x20000000 ^ (rolled & 0x1fffffe0)) >>> 0;
  }

  #extra(): Buffer | undefined {
    switch (this.#below(30)) {
      case 0:
        return encodeUserIdentity(["rig", "a", "b"][this.#below(3)]!);
      case 1:
        return Buffer.of(1, 2, 3);
      default:
        return undefined;
    }
  }

  /** Another byte of the payload, seldom of the header; the length stays right, lest nothing behind it be read. */
  #mutated(frame: Buffer): Buffer {
    const below = this.#below;
    const kind = below(400);
    if (kind > 12) return frame;
    const changed = Buffer.from(frame);
    if (kind === 0) changed[below(3)] = below(256);
    else changed[6 + below(frame.length - 6)] = below(256);
    return changed;
  }
}

test("native code and TypeScript say and write the same of V2's shares, on whatever channels", {
  timeout: 600_000,
}, async () => {
  const { kernels } = await currentBinding();
  let written = 0;
  let native = 0;
  const counted = new Map<string, number>();
  for (let seed = 1; written < frames; seed++) {
    const story = new Story(seed, kernels[seed % kernels.length]!);
    written += story.tell(400);
    native += story.native;
    for (const [name, count] of story.counted) {
      const sum = name.startsWith("block") ? "block" : name;
      counted.set(sum, (counted.get(sum) ?? 0) + count);
    }
  }
  // Every kind of end was met, and the native way by most.
  for (const result of [
    "accepted",
    "duplicate",
    "low-difficulty",
    "ntime-out-of-range",
    "version-bits-not-allowed",
    "stale",
    "unavailable",
  ]) {
    expect(counted.get(`${result} v2`) ?? 0, result).toBeGreaterThan(frames / 100_000);
  }
  expect(counted.get("block")).toBeGreaterThan(frames / 100_000);
  expect(native).toBeGreaterThan(frames / 3);
});
