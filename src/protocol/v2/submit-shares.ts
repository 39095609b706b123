/**
 * Quick ways for the messages that come and go by the thousand. Each says the same as the codec that declares the
 * message, and is many times faster because it knows where every field is.
 */
import { type SubmitErrorCode, submitErrorCodes } from "./errors.ts";
import { channelMessageBit, frameHeaderBytes } from "./frame.ts";
import { type NewMiningJob, newMiningJob } from "./jobs.ts";
import {
  type SubmitSharesExtended,
  type SubmitSharesStandard,
  type SubmitSharesSuccess,
  submitSharesError,
  submitSharesExtended,
  submitSharesStandard,
  submitSharesSuccess,
} from "./shares.ts";

const standardBytes = submitSharesStandard.maxPayload;
const maxExtranonceBytes = submitSharesExtended.maxPayload - submitSharesExtended.leastPayload;

/**
 * @param start where the payload begins in `bytes`, and `end` where it ends, as `FrameCursor` has them.
 * @returns undefined unless it is a share with nothing behind it: then the codec tells what it is.
 */
export function readSubmitSharesStandard(
  bytes: Buffer,
  start: number,
  end: number,
): SubmitSharesStandard | undefined {
  if (end - start !== standardBytes || end > bytes.length) return undefined;
  return {
    channelId: u32At(bytes, start),
    sequenceNumber: u32At(bytes, start + 4),
    jobId: u32At(bytes, start + 8),
    nonce: u32At(bytes, start + 12),
    ntime: u32At(bytes, start + 16),
    version: u32At(bytes, start + 20),
  };
}

/** The same for an extended channel. A share with a worker's name behind it (extension 0x0002) is for the codec. */
export function readSubmitSharesExtended(
  bytes: Buffer,
  start: number,
  end: number,
): SubmitSharesExtended | undefined {
  const extranonceStart = start + standardBytes + 1;
  if (extranonceStart > end || end > bytes.length) return undefined;
  const extranonceBytes = bytes[extranonceStart - 1]!;
  if (extranonceBytes > maxExtranonceBytes || extranonceStart + extranonceBytes !== end) return undefined;
  return {
    channelId: u32At(bytes, start),
    sequenceNumber: u32At(bytes, start + 4),
    jobId: u32At(bytes, start + 8),
    nonce: u32At(bytes, start + 12),
    ntime: u32At(bytes, start + 16),
    version: u32At(bytes, start + 20),
    extranonce: bytes.subarray(extranonceStart, end),
  };
}

/** Bytes of a whole frame of SubmitShares.Success. */
export const submitSharesSuccessBytes = frameHeaderBytes + submitSharesSuccess.maxPayload;

/** Writes a whole frame. @returns the offset behind it. */
export function writeSubmitSharesSuccess(
  bytes: Buffer,
  offset: number,
  message: SubmitSharesSuccess,
): number {
  const start = writeHeader(bytes, offset, submitSharesSuccess.messageType, submitSharesSuccess.maxPayload);
  bytes.writeUInt32LE(message.channelId, start);
  bytes.writeUInt32LE(message.lastSequenceNumber, start + 4);
  bytes.writeUInt32LE(message.newSubmitsAcceptedCount, start + 8);
  return bytes.writeBigUInt64LE(message.newSharesSum, start + 12);
}

/** Bytes of the longest frame of SubmitShares.Error that we send. */
export const submitSharesErrorBytes =
  frameHeaderBytes + 9 + Math.max(...submitErrorCodes.map((code) => code.length));

const codeBytes = new Map<SubmitErrorCode, Buffer>(
  submitErrorCodes.map((code) => [code, Buffer.concat([Buffer.of(code.length), Buffer.from(code)])]),
);

/** Writes a whole frame. @returns the offset behind it. */
export function writeSubmitSharesError(
  bytes: Buffer,
  offset: number,
  message: {
    readonly channelId: number;
    readonly sequenceNumber: number;
    readonly errorCode: SubmitErrorCode;
  },
): number {
  const code = codeBytes.get(message.errorCode)!;
  const start = writeHeader(bytes, offset, submitSharesError.messageType, 8 + code.length);
  bytes.writeUInt32LE(message.channelId, start);
  bytes.writeUInt32LE(message.sequenceNumber, start + 4);
  bytes.set(code, start + 8);
  return start + 8 + code.length;
}

/** Bytes of the longest frame of NewMiningJob. */
export const newMiningJobBytes = frameHeaderBytes + newMiningJob.maxPayload;

/** Writes a whole frame. @returns the offset behind it. */
export function writeNewMiningJob(bytes: Buffer, offset: number, message: NewMiningJob): number {
  const { minNtime } = message;
  const { messageType, leastPayload, maxPayload } = newMiningJob;
  const start = writeHeader(bytes, offset, messageType, minNtime === undefined ? leastPayload : maxPayload);
  bytes.writeUInt32LE(message.channelId, start);
  bytes.writeUInt32LE(message.jobId, start + 4);
  bytes[start + 8] = minNtime === undefined ? 0 : 1;
  const behind = minNtime === undefined ? start + 9 : bytes.writeUInt32LE(minNtime, start + 9);
  bytes.writeUInt32LE(message.version, behind);
  bytes.set(message.merkleRoot, behind + 4);
  return behind + 36;
}

/** Of the core protocol's messages about a channel. @returns where the payload begins. */
function writeHeader(bytes: Buffer, offset: number, messageType: number, payloadLength: number): number {
  bytes.writeUInt32LE(channelMessageBit + messageType * 0x10000 + (payloadLength & 0xff) * 0x1000000, offset);
  return bytes.writeUInt16LE(payloadLength >>> 8, offset + 4);
}

function u32At(bytes: Buffer, offset: number): number {
  return (
    (bytes[offset]! | (bytes[offset + 1]! << 8) | (bytes[offset + 2]! << 16) | (bytes[offset + 3]! << 24)) >>>
    0
  );
}
