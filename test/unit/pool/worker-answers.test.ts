import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { WorkerAnswers } from "../../../src/pool/worker-answers.ts";

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

function asking() {
  const asked: number[] = [];
  const answers = new WorkerAnswers<string>((message) => {
    if (message.type === "metrics-wanted") asked.push(message.id);
  });
  const ask = () => answers.ask((id) => ({ type: "metrics-wanted", id }));
  return { answers, asked, ask };
}

test("without a worker the answer is empty, and nobody is asked", async () => {
  const { ask, asked } = asking();
  expect(await ask()).toEqual([]);
  expect(asked).toEqual([]);
});

test("all answers are there when the last worker has answered", async () => {
  const { answers, ask, asked } = asking();
  for (const worker of [1, 2]) answers.started(worker);
  const answer = ask();
  answers.hear(2, asked[0]!, "two");
  answers.hear(1, asked[0]!, "one");
  expect(await answer).toEqual(["two", "one"]);
});

test("a worker counts once, one that was not there when it was asked not at all, nor what answers nothing", async () => {
  const { answers, ask, asked } = asking();
  for (const worker of [1, 2]) answers.started(worker);
  const answer = ask();
  answers.started(3);
  answers.hear(1, asked[0]!, "one");
  answers.hear(1, asked[0]!, "one again");
  answers.hear(3, asked[0]!, "three");
  answers.hear(2, asked[0]! + 1, "another question");
  answers.hear(2, asked[0]!, "two");
  expect(await answer).toEqual(["one", "two"]);
  answers.hear(2, asked[0]!, "late");
});

test("a worker that goes is waited for no more; if it was the last, nothing is", async () => {
  const { answers, ask, asked } = asking();
  for (const worker of [1, 2]) answers.started(worker);
  const answer = ask();
  answers.hear(1, asked[0]!, "one");
  answers.gone(2);
  expect(await answer).toEqual(["one"]);
  answers.gone(1);
  expect(await ask()).toEqual([]);
});

test("a worker that does not answer within a second is left out", async () => {
  const { answers, ask, asked } = asking();
  for (const worker of [1, 2]) answers.started(worker);
  const answer = ask();
  answers.hear(1, asked[0]!, "one");
  await vi.advanceTimersByTimeAsync(1000);
  expect(await answer).toEqual(["one"]);
});

test("questions that overlap have each their own answers", async () => {
  const { answers, ask, asked } = asking();
  answers.started(1);
  const [first, second] = [ask(), ask()];
  answers.hear(1, asked[1]!, "to the second");
  answers.hear(1, asked[0]!, "to the first");
  expect([await first, await second]).toEqual([["to the first"], ["to the second"]]);
});
