import { expect, test } from "vitest";
import { Malformed } from "../../../../src/protocol/malformed.ts";
import { submitErrorCodes } from "../../../../src/protocol/v2/errors.ts";
import { newMiningJob } from "../../../../src/protocol/v2/jobs.ts";
import {
  submitSharesError,
  submitSharesExtended,
  submitSharesStandard,
  submitSharesSuccess,
} from "../../../../src/protocol/v2/shares.ts";
import {
  newMiningJobBytes,
  readSubmitSharesExtended,
  readSubmitSharesStandard,
  submitSharesErrorBytes,
  submitSharesSuccessBytes,
  writeNewMiningJob,
  writeSubmitSharesError,
  writeSubmitSharesSuccess,
} from "../../../../src/protocol/v2/submit-shares.ts";
import { randomSource } from "../../../support/random.ts";

const random = randomSource(1);
const u32 = () => random.integer(0, 0xffffffff);

test("the quick way reads a share as the codec does, and leaves to it whatever else there is", () => {
  for (let round = 0; round < 3000; round++) {
    const bytes = random.bytes(random.integer(20, 64));
    const start = random.integer(0, 4);
    const end = bytes.length - random.integer(0, 4);
    // Random bytes seldom have the right lengths by themselves.
    if (round % 2 === 0 && start + 24 < end) bytes[start + 24] = end - start - 25;
    const payload = bytes.subarray(start, end);
    const extended = submitSharesExtended.decodeWithExtra(payload);
    const isPlain = !(extended instanceof Malformed) && extended.extra.length === 0;
    expect(readSubmitSharesExtended(bytes, start, end)).toEqual(isPlain ? extended.message : undefined);
    const standard = submitSharesStandard.decode(bytes.subarray(start, start + 24));
    expect(readSubmitSharesStandard(bytes, start, start + 24)).toEqual(
      standard instanceof Malformed ? undefined : standard,
    );
  }
  expect(readSubmitSharesStandard(Buffer.alloc(40), 0, 25)).toBeUndefined();
  expect(readSubmitSharesStandard(Buffer.alloc(20), 0, 24)).toBeUndefined();
  expect(readSubmitSharesExtended(Buffer.alloc(20), 0, 25)).toBeUndefined();
});

test("the quick ways write what the codecs write", () => {
  for (let round = 0; round < 500; round++) {
    const success = {
      channelId: u32(),
      lastSequenceNumber: u32(),
      newSubmitsAcceptedCount: u32(),
      newSharesSum: random.bigint(64),
    };
    expect(written(submitSharesSuccessBytes, (b, at) => writeSubmitSharesSuccess(b, at, success))).toEqual(
      submitSharesSuccess.encode(success),
    );
    const errorCode = submitErrorCodes[round % submitErrorCodes.length]!;
    const error = { channelId: u32(), sequenceNumber: u32(), errorCode };
    expect(written(submitSharesErrorBytes, (b, at) => writeSubmitSharesError(b, at, error))).toEqual(
      submitSharesError.encode(error),
    );
    const minNtime = round % 2 === 0 ? undefined : u32();
    const job = { channelId: u32(), jobId: u32(), minNtime, version: u32(), merkleRoot: random.bytes(32) };
    expect(written(newMiningJobBytes, (b, at) => writeNewMiningJob(b, at, job))).toEqual(
      newMiningJob.encode(job),
    );
  }
});

/** What is written behind three other bytes, into no more room than is announced. */
function written(room: number, write: (bytes: Buffer, offset: number) => number): Buffer {
  const bytes = Buffer.alloc(3 + room);
  return bytes.subarray(3, write(bytes, 3));
}
