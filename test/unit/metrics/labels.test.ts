import { expect, test } from "vitest";
import type { BlockState } from "../../../src/blocks/state.ts";
import type { JournalState } from "../../../src/journal/index.ts";
import * as labels from "../../../src/metrics/labels.ts";
import type { NodeFault } from "../../../src/node/errors.ts";
import type { SubmitAnswer } from "../../../src/node/submit-answer.ts";
import type { NodeState, TipSource } from "../../../src/node/watched-node.ts";
import { reasonNames } from "../../../src/protocol/reasons.ts";
import { openErrorCodes, setupErrorCodes, updateErrorCodes } from "../../../src/protocol/v2/errors.ts";
import type { AdmissionRefusal, CloseReason, PenaltyTaken } from "../../../src/stratum/metrics.ts";
import type { Template } from "../../../src/template/template.ts";

test("a share's results are accepted and the reasons of the protocol", () => {
  expect([...labels.shareResults].sort()).toEqual(["accepted", ...reasonNames].sort());
});

test("answers of Stratum V2 are success and the protocol's error codes", () => {
  expect([...labels.setupResults]).toEqual(["accepted", ...setupErrorCodes]);
  expect([...labels.channelOpenResults]).toEqual([...labels.channelKinds, ...openErrorCodes]);
  expect([...labels.channelUpdateResults]).toEqual(["accepted", ...updateErrorCodes]);
});

type Same<A, B> = [A] extends [B] ? ([B] extends [A] ? true : never) : never;

/** Each line compiles only while the list and the type that its owner declares hold the same words. */
const same: readonly true[] = [
  true satisfies Same<(typeof labels.nodeStates)[number], NodeState>,
  true satisfies Same<(typeof labels.nodeFaults)[number], NodeFault>,
  true satisfies Same<(typeof labels.tipSources)[number], TipSource>,
  true satisfies Same<(typeof labels.disconnectCauses)[number], CloseReason>,
  true satisfies Same<(typeof labels.connectionRefusals)[number], AdmissionRefusal>,
  true satisfies Same<(typeof labels.penaltiesTaken)[number], PenaltyTaken>,
  true satisfies Same<(typeof labels.journalStates)[number], JournalState>,
  true satisfies Same<(typeof labels.blockStates)[number], BlockState>,
  true satisfies Same<(typeof labels.submissionResults)[number], SubmitAnswer["kind"]>,
  true satisfies Same<(typeof labels.jobKinds)[number], Template["kind"]>,
];

test("the lists of labels hold the words of the modules that own them", () => {
  expect(same.every(Boolean)).toBe(true);
});
