import { expect, test } from "vitest";
import {
  decodeHeader,
  encodeHeader,
  formatVersion,
  headerBytes,
  isNodeName,
  parseSegmentName,
  segmentName,
} from "../../../src/journal/format.ts";
import { crc32c } from "../../support/journal.ts";

const header = {
  node: "0-1",
  epoch: 1_767_225_600,
  firstSequence: 2 ** 40 + 5,
  previous: { epoch: 1_767_225_600, sequence: 2 ** 40 + 4 },
  durability: "fsync",
  createdMs: 1_767_225_600_123,
} as const;

test("a segment's header comes back from its bytes", () => {
  const longest = { ...header, node: "n".repeat(64), durability: "os" } as const;
  for (const one of [header, longest]) {
    const bytes = encodeHeader(one, crc32c);
    expect(bytes.length).toBe(headerBytes);
    expect(decodeHeader(bytes, "a.wal", crc32c)).toEqual({ ...one, version: formatVersion });
  }
});

test("a header with any single byte changed, or cut, stops the reader and names the segment", () => {
  const sound = encodeHeader(header, crc32c);
  for (let offset = 0; offset < headerBytes; offset++) {
    const bytes = Buffer.from(sound);
    bytes[offset]! ^= 0x10;
    expect(() => decodeHeader(bytes, "a.wal", crc32c), `byte ${offset}`).toThrow(/segment a\.wal/);
  }
  expect(() => decodeHeader(sound.subarray(0, 127), "a.wal", crc32c)).toThrow(/a\.wal/);
  expect(() => decodeHeader(Buffer.alloc(128), "a.wal", crc32c)).toThrow(/a\.wal/);
});

test("a segment of a newer version is refused by name, not called damaged", () => {
  const bytes = encodeHeader(header, crc32c);
  bytes.writeUInt32LE(formatVersion + 1, 8);
  expect(() => decodeHeader(bytes, "a.wal", crc32c)).toThrow(
    expect.objectContaining({
      code: "JOURNAL_FORMAT_NEWER",
      message: expect.stringContaining(`version ${formatVersion + 1}`),
    }),
  );
});

test("a segment of version 1 is read; a version before it there never was", () => {
  const ofVersion = (version: number) => {
    const bytes = encodeHeader(header, crc32c);
    bytes.writeUInt32LE(version, 8);
    bytes.writeUInt32LE(crc32c(bytes, 0, 124), 124);
    return bytes;
  };
  expect(decodeHeader(ofVersion(1), "a.wal", crc32c)).toEqual({ ...header, version: 1 });
  expect(() => decodeHeader(ofVersion(0), "a.wal", crc32c)).toThrow(
    expect.objectContaining({ code: "JOURNAL_DAMAGED" }),
  );
});

test("names of segments sort as their positions do", () => {
  const positions = [
    { epoch: 9, firstSequence: 1 },
    { epoch: 9, firstSequence: 20 },
    { epoch: 1_767_225_600, firstSequence: 3 },
    { epoch: 4_294_967_295, firstSequence: Number.MAX_SAFE_INTEGER },
  ];
  const names = positions.map(segmentName);
  expect([...names].sort()).toEqual(names);
  expect(names.map(parseSegmentName)).toEqual(positions);
  for (const other of ["lock", "spare.tmp", "1-1.wal", `${names[0]}.bak`]) {
    expect(parseSegmentName(other)).toBeUndefined();
  }
});

test("a node's name cannot lead out of its folder", () => {
  expect(["0-1", "fra.2_b", "n".repeat(64)].filter((name) => !isNodeName(name))).toEqual([]);
  expect(["", ".", "..", "a/b", "-a", "ä", "n".repeat(65), "a\0"].filter(isNodeName)).toEqual([]);
});
