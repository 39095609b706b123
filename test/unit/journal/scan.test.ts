import { expect, test } from "vitest";
import { headerBytes } from "../../../src/journal/format.ts";
import { firstNonZero, scanSegment } from "../../../src/journal/scan.ts";
import { crc32c, type Image, segmentImage } from "../../support/journal.ts";

function scanned(image: Image, bytes: Buffer = image.bytes) {
  return scanSegment(bytes, image.header, crc32c);
}

/** How many whole records end at or before an offset. */
function wholeRecords({ offsets }: Image, end: number): number {
  return offsets.slice(1).filter((offset) => offset <= end).length;
}

test("a sound segment is read to its last record, whose commit is known", () => {
  const image = segmentImage({ commits: [1, 3, 2], firstSequence: 11, zeros: 512 });
  expect(scanned(image)).toEqual({
    lastSequence: 16,
    end: image.offsets[6],
    lastBatchOffset: image.offsets[4],
    lastBatchSequence: 15,
    endMark: false,
    tail: { kind: "clean" },
  });
});

test("a segment without records is sound", () => {
  const scan = scanned(segmentImage({ commits: [], zeros: 64 }));
  expect(scan).toMatchObject({ lastSequence: 0, end: headerBytes, tail: { kind: "clean" } });
});

test("a file that ends at any byte of the last commit keeps exactly the records before, and is never damage", () => {
  const image = segmentImage({ commits: [2, 4] });
  for (let cut = image.offsets[2]!; cut <= image.bytes.length; cut++) {
    const scan = scanned(image, image.bytes.subarray(0, cut));
    expect(scan.lastSequence, `cut at ${cut}`).toBe(wholeRecords(image, cut));
    expect(scan.tail.kind).toBe(image.offsets.includes(cut) ? "clean" : "torn");
  }
});

test("a last commit that is zero from any byte on keeps exactly the records before, and is never damage", () => {
  const image = segmentImage({ commits: [2, 4], zeros: 256 });
  for (let cut = image.offsets[2]!; cut <= image.offsets[6]!; cut++) {
    const scan = scanned(image, Buffer.from(image.bytes).fill(0, cut));
    // The last bytes of a record are its padding: without them it is whole all the same.
    expect(scan.lastSequence - wholeRecords(image, cut), `zero from ${cut}`).toBeOneOf([0, 1]);
    expect(scan.tail.kind).not.toBe("damaged");
  }
});

test("the disk may keep the end of a cut commit and lose its start: that is torn, not damaged", () => {
  const image = segmentImage({ commits: [2, 4], zeros: 64 });
  for (let lost = 2; lost < 5; lost++) {
    const bytes = Buffer.from(image.bytes).fill(0, image.offsets[lost]!, image.offsets[lost + 1]!);
    expect(scanned(image, bytes)).toMatchObject({ lastSequence: lost, tail: { kind: "torn" } });
  }
});

test("bad bytes before a later commit are damage, named by offset and sequences", () => {
  const image = segmentImage({ commits: [2, 3, 1], zeros: 64 });
  for (let lost = 0; lost < 5; lost++) {
    const bytes = Buffer.from(image.bytes).fill(0, image.offsets[lost]!, image.offsets[lost + 1]!);
    // Records of its own commit prove nothing; the first of a later commit does.
    const proof = lost < 2 ? 2 : 5;
    expect(scanned(image, bytes)).toMatchObject({
      lastSequence: lost,
      end: image.offsets[lost],
      tail: { kind: "damaged", nextOffset: image.offsets[proof], nextSequence: proof + 1 },
    });
  }
});

test("behind an end mark everything was durable: bad bytes before it are damage, also in the last commit", () => {
  const image = segmentImage({ commits: [2, 3], endMark: true });
  expect(scanned(image)).toMatchObject({ lastSequence: 5, endMark: true, tail: { kind: "clean" } });
  for (let offset = headerBytes; offset < image.offsets[5]!; offset++) {
    const bytes = Buffer.from(image.bytes);
    bytes[offset]! ^= 0x20;
    expect(scanned(image, bytes).tail.kind, `byte ${offset}`).toBe("damaged");
  }
});

test("every single changed byte is a cut of the last commit at most, or damage: never silence", () => {
  const image = segmentImage({ commits: [1, 2, 3], zeros: 64 });
  for (let offset = headerBytes; offset < image.bytes.length; offset++) {
    const bytes = Buffer.from(image.bytes);
    bytes[offset]! ^= 0x01;
    const { tail, lastSequence } = scanned(image, bytes);
    const inLastCommit = offset >= image.offsets[3]!;
    expect(tail.kind, `byte ${offset}`).toBe(inLastCommit ? "torn" : "damaged");
    expect(lastSequence).toBe(wholeRecords(image, offset));
  }
});

test("what a recovery that was killed leaves behind its end mark is torn, never damage", () => {
  const image = segmentImage({ commits: [2, 4], zeros: 64 });
  const marked = segmentImage({ commits: [2, 1], endMark: true });
  const bytes = Buffer.from(image.bytes);
  // The end mark stands where record 4 did; 5 and 6 of the cut commit are still there.
  marked.bytes.copy(bytes, marked.offsets[3]!, marked.offsets[3]!);
  expect(scanned(image, bytes)).toMatchObject({ lastSequence: 3, endMark: true, tail: { kind: "torn" } });
});

test("the first byte that is not zero is found, however far away", () => {
  const bytes = Buffer.alloc(200_000);
  expect(firstNonZero(bytes, 7)).toBe(200_000);
  for (const at of [7, 65_535 + 7, 65_536 + 7, 199_999]) {
    bytes.fill(0)[at] = 1;
    expect(firstNonZero(bytes, 7)).toBe(at);
  }
});
