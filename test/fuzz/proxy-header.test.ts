import { expect, test } from "vitest";
import { type ProxyHeader, readProxyHeader } from "../../src/protocol/proxy-header.ts";
import { aBinaryHeader, anIpv4Block, anIpv6Block, aTextHeader } from "../support/proxy-headers.ts";
import { mulberry32 } from "../support/random.ts";

type Below = (limit: number) => number;

/** PENSTOCK_LINES makes a long campaign of it. */
const mutants = Number(process.env["PENSTOCK_LINES"] ?? 1_000_000);

function aPort(below: Below): number {
  return [0, 1, 9, 10, 3333, 65_535, below(65_536)][below(7)]!;
}

function anIpv4Address(below: Below): string {
  return Array.from({ length: 4 }, () => [0, 9, 10, 99, 100, 199, 200, 255, below(256)][below(9)]).join(".");
}

function anIpv6Address(below: Below): string {
  const group = () => below(0x10000).toString(16).padStart(below(5), "0");
  const groups = (count: number) => Array.from({ length: count }, group).join(":");
  if (below(4) === 0) return groups(8);
  const before = below(7);
  const after = below(7 - before);
  if (below(4) > 0) return `${groups(before)}::${groups(after)}`;
  const first = groups(before > 3 ? 0 : before);
  return `${first}::${anIpv4Address(below)}`;
}

/** A valid header of some kind. */
function aHeader(below: Below): Buffer {
  const ports = `${aPort(below)} ${aPort(below)}`;
  switch (below(7)) {
    case 0:
      return aTextHeader(`TCP4 ${anIpv4Address(below)} ${anIpv4Address(below)} ${ports}`);
    case 1:
    case 2:
      return aTextHeader(`TCP6 ${anIpv6Address(below)} ${anIpv6Address(below)} ${ports}`);
    case 3:
      return aTextHeader(`UNKNOWN${below(2) === 0 ? "" : ` ${"x".repeat(below(92))}`}`);
    case 4:
      return aBinaryHeader({ block: withExtras(anIpv4Block, below) });
    case 5:
      return aBinaryHeader({ pair: 0x21, block: withExtras(anIpv6Block, below) });
    default:
      return aBinaryHeader({ versionAndCommand: 0x20, pair: below(256), block: Buffer.alloc(below(300)) });
  }
}

function withExtras(block: Buffer, below: Below): Buffer {
  return Buffer.concat([block, Buffer.alloc(below(2) * below(500), below(256))]);
}

function mutated(header: Buffer, below: Below): Buffer {
  let bytes = Buffer.from(header);
  for (let edits = below(4); edits >= 0; edits--) {
    const at = below(bytes.length + 1);
    const to = Math.min(bytes.length, at + below(6));
    const scrap = Buffer.from(
      ["\r\n", "\r", "\n", " ", ".", ":", "::", "0", "255", "f", "%", "\0"][below(12)]!,
    );
    switch (below(4)) {
      case 0:
        bytes = Buffer.concat([bytes.subarray(0, at), bytes.subarray(to)]);
        break;
      case 1:
        bytes = Buffer.concat([bytes.subarray(0, at), scrap, bytes.subarray(at)]);
        break;
      case 2:
        bytes = bytes.subarray(0, to);
        break;
      default:
        if (at < bytes.length) bytes[at] = below(256);
    }
  }
  return bytes;
}

function fault(what: string, bytes: Buffer, answer: ProxyHeader): never {
  return expect.fail(`${what}: ${JSON.stringify(bytes.toString("latin1"))} is ${JSON.stringify(answer)}`);
}

test("mutants of headers are read or refused, and nothing is ever thrown", () => {
  const below = mulberry32(0x9209);
  const counted = { incomplete: 0, none: 0, invalid: 0, header: 0 };
  for (let round = 0; round < mutants; round++) {
    const bytes = mutated(aHeader(below), below);
    const answer = readProxyHeader(bytes);
    counted[answer.kind] += 1;
    if (answer.kind === "header" && answer.length > bytes.length)
      fault("longer than its bytes", bytes, answer);
    if (answer.kind === "incomplete" && bytes.length > 552) fault("waits for ever", bytes, answer);
  }
  // The generator is of use only if all of them happen often.
  for (const count of Object.values(counted)) expect(count).toBeGreaterThan(mutants / 50);
});

test("every part of a valid header is incomplete, and a header with anything behind it has its own length", () => {
  const below = mulberry32(2);
  for (let round = 0; round < 10_000; round++) {
    const header = aHeader(below);
    for (let length = 0; length < header.length; length++) {
      const answer = readProxyHeader(header.subarray(0, length));
      if (answer.kind !== "incomplete") fault("a part", header.subarray(0, length), answer);
    }
    const bytes = Buffer.concat([header, Buffer.alloc(below(20), below(256))]);
    const answer = readProxyHeader(bytes);
    if (answer.kind !== "header" || answer.length !== header.length) fault("the whole", bytes, answer);
  }
});

test("what is incomplete can be completed, and once it is invalid more bytes do not mend it", () => {
  const below = mulberry32(3);
  for (let round = 0; round < 30_000; round++) {
    const bytes = mutated(aHeader(below), below);
    const answer = readProxyHeader(bytes);
    if (answer.kind === "incomplete") completed(bytes);
    if (answer.kind === "invalid" || answer.kind === "none") {
      const longer = readProxyHeader(Buffer.concat([bytes, aHeader(below).subarray(below(20))]));
      if (longer.kind !== answer.kind) fault("mended", bytes, longer);
    }
  }
});

const pieces = [
  "\r\n",
  "\n",
  " ",
  "0",
  "::",
  ":",
  ".",
  "P",
  "R",
  "O",
  "X",
  "Y",
  "T",
  "C",
  "4",
  "6",
  "U",
  "N",
  "K",
  "W",
]
  .map((text) => Buffer.from(text))
  .concat(Array.from({ length: 256 }, (_, byte) => Buffer.of(byte)));

/** Adds the first piece that leaves hope, until the header is whole. */
function completed(start: Buffer): void {
  let bytes = start;
  for (let step = 0; step < 600; step++) {
    const piece = pieces.find((piece) => hasHope(readProxyHeader(Buffer.concat([bytes, piece]))));
    if (piece === undefined) fault("no way on", bytes, readProxyHeader(bytes));
    bytes = Buffer.concat([bytes, piece]);
    if (readProxyHeader(bytes).kind === "header") return;
  }
  fault("no end", bytes, readProxyHeader(bytes));
}

function hasHope({ kind }: ProxyHeader): boolean {
  return kind === "incomplete" || kind === "header";
}
