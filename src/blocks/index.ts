export { type CandidateStore, openCandidateStore } from "./candidates.ts";
export { type BlockLedger, type BlockState, type FollowedBlock, maturityConfirmations } from "./state.ts";
export { type BlockSubmitter, createSubmitter, type SubmitMetrics, type SubmittedBlock } from "./submit.ts";
export { type BlockTracker, type TrackMetrics, trackBlocks } from "./track.ts";
