/** The fold's steps in SQL. `MemoryWorks` (recompute.ts) carries out the same steps in memory. */
import type { ClientBase } from "pg";
import type { BlockRecord } from "../journal/record.ts";
import type { Dictionary } from "./dictionary.ts";
import type { BatchRange } from "./order-log.ts";
import {
  type Credits,
  creditsOf,
  emptyPplns,
  type PplnsState,
  type Slice,
  type Span,
  type Step,
  soloCreditsOf,
  type Window,
  worksOfWindow,
} from "./pplns.ts";
import { statement } from "./sql.ts";

const selectState = statement("select-pplns-state");
const selectSlices = statement("select-pplns-slices");
const upsertState = statement("upsert-pplns-state");
const upsertSlice = statement("upsert-slice");
const addWorks = statement("add-works");
const mergeWorks = statement("merge-works");
const deleteSlicesBetween = statement("delete-slices-between");
const deleteSlicesThrough = statement("delete-slices-through");
const selectWindowWorks = statement("select-window-works");
const insertBlock = statement("insert-block");
const insertBlockWorks = statement("insert-block-works");

export async function loadPplns(client: ClientBase): Promise<PplnsState> {
  const { rows } = await client.query<{ closed: boolean; next_id: string; largest_window: string }>(
    selectState,
  );
  const [state] = rows;
  if (state === undefined) return emptyPplns;
  const slices = await client.query<{ id: string; span: Span; minute: string; work: string }>(selectSlices);
  return {
    slices: slices.rows.map(
      ({ id, span, minute, work }): Slice => ({
        id: Number(id),
        span,
        minute: Number(minute),
        work: BigInt(work),
      }),
    ),
    closed: state.closed,
    nextId: Number(state.next_id),
    largestWindow: BigInt(state.largest_window),
  };
}

export async function carryOut(
  client: ClientBase,
  batch: BatchRange,
  steps: readonly Step[],
  state: PplnsState,
  dictionary: Dictionary,
): Promise<void> {
  for (const step of steps) await carryOutOne(client, batch, step, dictionary);
  await client.query(upsertState, [state.closed, state.nextId, state.largestWindow]);
}

async function carryOutOne(
  client: ClientBase,
  batch: BatchRange,
  step: Step,
  dictionary: Dictionary,
): Promise<void> {
  switch (step.kind) {
    case "add": {
      await saveSlice(client, step.slice);
      const accounts = [...step.works.keys()].map((account) => dictionary.account(account));
      await client.query(addWorks, [step.slice.id, accounts, [...step.works.values()]]);
      return;
    }
    case "merge":
      await saveSlice(client, step.slice);
      if (step.from === step.slice.id) return;
      await client.query(mergeWorks, [step.from, step.slice.id]);
      await client.query(deleteSlicesBetween, [step.from, step.slice.id]);
      return;
    case "drop":
      await client.query(deleteSlicesThrough, [step.through]);
      return;
    case "block":
      await recordBlock(client, batch, step, step.window, await creditsOfWindow(client, step));
      return;
    case "solo-block":
      await recordBlock(client, batch, step, undefined, soloCreditsOf(step.record));
  }
}

function saveSlice(client: ClientBase, { id, span, minute, work }: Slice): Promise<unknown> {
  return client.query(upsertSlice, [id, span, minute, work]);
}

async function creditsOfWindow(
  client: ClientBase,
  { record, window }: Extract<Step, { kind: "block" }>,
): Promise<Credits> {
  const whole = await worksOfSlices(client, window.wholeFrom, Number.MAX_SAFE_INTEGER);
  const cutSlice = window.cut ? await worksOfSlices(client, window.cut.slice, window.cut.slice) : new Map();
  return creditsOf(record, worksOfWindow(whole, cutSlice, window.cut));
}

async function recordBlock(
  client: ClientBase,
  batch: BatchRange,
  { record, index }: { readonly record: BlockRecord; readonly index: number },
  window: Window | undefined,
  { feeSats, lines }: Credits,
): Promise<void> {
  const terms = record.scheme === "pplns" ? record : undefined;
  await client.query(insertBlock, [
    record.hash,
    record.previousHash,
    record.height,
    record.bits,
    record.rewardSats,
    terms?.feeMillionths,
    terms?.windowThousandths,
    window?.asked,
    feeSats,
    record.timeMs,
    record.account,
    record.worker,
    batch.node,
    batch.epoch,
    batch.first + index,
    record.scheme,
  ]);
  await client.query(insertBlockWorks, [
    record.hash,
    lines.map(({ account }) => account),
    lines.map(({ work }) => work),
    lines.map(({ sats }) => sats),
  ]);
}

async function worksOfSlices(client: ClientBase, from: number, to: number): Promise<Map<string, bigint>> {
  const { rows } = await client.query<{ account: string; work: string }>(selectWindowWorks, [from, to]);
  return new Map(rows.map(({ account, work }) => [account, BigInt(work)]));
}
