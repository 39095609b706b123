import { expect, test } from "vitest";
import { reasonNames, reasons } from "../../../../src/protocol/reasons.ts";
import {
  decodeAnswer,
  encodeFalse,
  encodeMethodNotFound,
  encodeRefusal,
  encodeResult,
  encodeTrue,
} from "../../../../src/protocol/v1/answer.ts";
import type { Line } from "../../../../src/protocol/v1/line.ts";
import { readLine } from "../../../../src/protocol/v1/line.ts";

const decoded = (text: string) => decodeAnswer(readLine(Buffer.from(text.trimEnd())) as Line);

test("every answer has id, result and error, in one line", () => {
  const answers = [
    encodeTrue("1"),
    encodeResult('"a"', "[1]"),
    encodeRefusal("2", "stale"),
    encodeRefusal("2", "malformed", 'a "quoted" detail'),
    encodeFalse("3", "unauthorized"),
    encodeMethodNotFound("null"),
  ];
  for (const answer of answers) {
    expect(Object.keys(JSON.parse(answer))).toEqual(["id", "result", "error"]);
    expect(answer.indexOf("\n")).toBe(answer.length - 1);
  }
});

test.each(reasonNames)("the reason %s is an error with its code and a sentence that helps", (reason) => {
  const { id, result, error } = JSON.parse(encodeRefusal("7", reason));
  expect([id, result]).toEqual([7, null]);
  expect(error).toEqual([reasons[reason].v1Code, `${reason}: ${reasons[reason].sentence}`, null]);
});

test("authorize's refusal has the result false", () => {
  expect(JSON.parse(encodeFalse("7", "unauthorized", "no such thing"))).toEqual({
    id: 7,
    result: false,
    error: [24, "unauthorized: no such thing", null],
  });
});

test("a client reads errors as any pool writes them", () => {
  expect(decoded(encodeTrue("1"))).toEqual({ result: true, error: undefined });
  expect(decoded('{"id":1,"result":true}')).toEqual({ result: true, error: undefined });
  expect(decoded(encodeRefusal("1", "stale")).error?.code).toBe(21);
  expect(decoded('{"id":1,"error":{"code":-2,"message":"no"}}').error).toEqual({ code: -2, text: "no" });
  expect(decoded('{"id":1,"error":"no"}').error).toEqual({ code: 20, text: "no" });
});
