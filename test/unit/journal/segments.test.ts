import { truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { segmentName } from "../../../src/journal/format.ts";
import { bytesBehind } from "../../../src/journal/segments.ts";
import { temporaryFolder } from "../../support/temporary.ts";

let folder: Awaited<ReturnType<typeof temporaryFolder>>;
beforeEach(async () => {
  folder = await temporaryFolder("segments");
});
afterEach(() => folder.remove());

function aSegment(epoch: number, firstSequence: number, bytes: number): void {
  const path = join(folder.path, segmentName({ epoch, firstSequence }));
  writeFileSync(path, "");
  truncateSync(path, bytes);
}

const at = (epoch: number, sequence: number) => ({ epoch, sequence });

test("what must be read from a position on is its segment and all behind it, up to the last record asked for", async () => {
  aSegment(5, 1, 1);
  aSegment(5, 11, 10);
  aSegment(5, 21, 100);
  aSegment(7, 1, 1_000);
  aSegment(8, 1, 10_000); // preallocated, empty
  const positions = [at(0, 0), at(5, 1), at(5, 10), at(5, 11), at(5, 20), at(5, 25), at(6, 1), at(7, 3)];
  expect(await bytesBehind(folder.path, positions, at(7, 9))).toEqual([
    1_111, 1_111, 1_111, 1_110, 1_110, 1_100, 1_100, 1_000,
  ]);
  expect(await bytesBehind(folder.path, [at(5, 11)], at(5, 25))).toEqual([110]);
});

test("without a journal there is nothing to read", async () => {
  expect(await bytesBehind(join(folder.path, "none"), [at(0, 0)], at(0, 0))).toEqual([0]);
  expect(await bytesBehind(folder.path, [at(3, 9), at(0, 0)], at(3, 9))).toEqual([0, 0]);
});
