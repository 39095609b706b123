import { expect, test } from "vitest";
import { AnswerQueue, type PendingAnswer } from "../../../src/stratum/answer-queue.ts";
import { randomSource } from "../../support/random.ts";

test("answers keep the order of their places, whenever they are known", () => {
  const random = randomSource(11);
  const sent: number[] = [];
  const queue = new AnswerQueue({ send: (text) => sent.push(Number(text)) });
  const open: { readonly place: PendingAnswer; readonly text: string }[] = [];
  for (let i = 0; i < 20_000; i++) {
    if (random.integer(0, 3) === 0) queue.answer(String(i));
    else open.push({ place: queue.reserve(), text: String(i) });
    while (open.length > 0 && random.integer(0, 2) > 0) {
      const [due] = open.splice(random.integer(0, Math.min(open.length, 3000) - 1), 1);
      queue.settle(due!.place, due!.text);
    }
  }
  for (const { place, text } of open) queue.settle(place, text);
  expect(sent).toEqual(Array.from({ length: 20_000 }, (_, i) => i));
  expect(queue.size).toBe(0);
});

test("an answer behind one that is not known yet waits, one behind nothing does not", () => {
  const sent: string[] = [];
  const queue = new AnswerQueue({ send: (text) => sent.push(text) });
  queue.answer("a");
  const place = queue.reserve();
  queue.answer("c");
  expect(sent).toEqual(["a"]);
  expect(queue.size).toBe(2);
  queue.settle(place, "b");
  expect(sent).toEqual(["a", "b", "c"]);
});
