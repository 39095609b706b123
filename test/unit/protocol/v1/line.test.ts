import { expect, test } from "vitest";
import { Malformed } from "../../../../src/protocol/malformed.ts";
import type { Line } from "../../../../src/protocol/v1/line.ts";
import { isAnswer, isBlank, readLine } from "../../../../src/protocol/v1/line.ts";

const read = (text: string) => readLine(Buffer.from(text));

test("a request has its method and parameters, and unknown keys are ignored", () => {
  const line = read(
    '{"jsonrpc":"2.0","id":1,"method":"mining.submit","params":["a",1,null,true],"extra":{"a":[{}]}}',
  );
  expect(line).toEqual({
    idText: "1",
    method: "mining.submit",
    params: ["a", 1, null, true],
    result: undefined,
    error: undefined,
  });
});

test("an answer has its result and error", () => {
  const line = read('{"id":1,"result":[true],"error":{"code":20}}');
  expect(line).toMatchObject({ method: undefined, result: [true], error: new Map([["code", 20]]) });
});

test.each([
  ['{"id":1,"result":true,"error":null}', true],
  ['{"id":1,"result":"cgminer/4.12"}', true],
  ['{"id":null,"result":null}', true],
  ['{"id":1,"error":[20,"no",null]}', true],
  ['{"error":null}', true],
  ['{"id":1,"method":"x","result":true}', false],
  ['{"id":1,"method":"pong","params":[]}', false],
  ['{"id":1,"params":[]}', false],
  ['{"id":1}', false],
  ["{}", false],
])("whether %s is an answer: %s", (text, expected) => {
  expect(isAnswer(read(text) as Line)).toBe(expected);
});

test.each([
  "0",
  "-0",
  "1.0",
  "1e3",
  "1E+2",
  "-12.5e-7",
  "123456789012345678901234567890",
  '""',
  '"a\\u0062\\n"',
  '"\\ud800"',
  '"ä😀"',
  "null",
  "true",
  "false",
  "[1, 2]",
  '{ "a" : 1 }',
])("the id %s is given back as it was written", (id) => {
  expect(read(`{"params":[] , "id" : ${id} ,"method":"x"}`)).toMatchObject({ idText: id, method: "x" });
});

test("a request without an id, or with null for one, has the id null", () => {
  expect(read('{"method":"x"}')).toMatchObject({ idText: "null" });
  expect(read('{"method":"x","id":null}')).toMatchObject({ idText: "null" });
});

test("an id of 64 characters is given back, a longer one refuses the request", () => {
  const id = `"${"x".repeat(62)}"`;
  expect(read(`{"id":${id},"method":"x"}`)).toMatchObject({ idText: id });
  expect(read(`{"id":"x${id.slice(1)},"method":"x"}`)).toMatchObject({
    idText: "null",
    detail: expect.any(String),
  });
});

test("missing parameters, or null for them, are none", () => {
  expect(read('{"method":"x"}')).toMatchObject({ params: [] });
  expect(read('{"method":"x","params":null}')).toMatchObject({ params: [] });
});

test("white space is allowed wherever JSON allows it, also a carriage return at the end", () => {
  expect(read(' \t{ "id" :\t1 , "method" : "x" , "params" : [ ] } \r')).toMatchObject({
    idText: "1",
    method: "x",
  });
});

test("of a key that comes twice the last one counts", () => {
  expect(read('{"id":1,"method":"a","id":2,"method":"b"}')).toMatchObject({ idText: "2", method: "b" });
});

test("__proto__ and constructor are keys like any other and change nothing", () => {
  const line = read(
    '{"__proto__":{"method":"x","polluted":1},"constructor":1,"params":[{"__proto__":{"y":1}}]}',
  );
  expect(line).toMatchObject({ method: undefined });
  expect((line as Line).params[0]).toEqual(new Map([["__proto__", new Map([["y", 1]])]]));
  expect(({} as Record<string, unknown>)["polluted"]).toBeUndefined();
});

test("huge numbers are numbers for the type checks to refuse", () => {
  expect(read('{"params":[1e999,-1e999,1e-999]}')).toMatchObject({ params: [Infinity, -Infinity, 0] });
});

test("nesting is allowed to the bound and refused one level deeper, however long the line", () => {
  const nested = (levels: number) => `{"params":${"[".repeat(levels - 1)}${"]".repeat(levels - 1)}}`;
  expect(read(nested(8))).not.toBeInstanceOf(Malformed);
  expect(read(nested(9))).toBeInstanceOf(Malformed);
  expect(read(`{"x":${'{"a":'.repeat(5000)}1${"}".repeat(5000)}}`)).toBeInstanceOf(Malformed);
  expect(read(`{"params":${"[".repeat(16_000)}`)).toBeInstanceOf(Malformed);
});

test.each([
  "",
  "{",
  "}",
  "[]",
  "null",
  '"x"',
  "1",
  "GET / HTTP/1.1",
  '{"id":1,}',
  '{"id":1 "method":"x"}',
  '{"id"}',
  '{"id":}',
  "{id:1}",
  "{'id':1}",
  '{"id":01}',
  '{"id":+1}',
  '{"id":.5}',
  '{"id":1.}',
  '{"id":1e}',
  '{"id":0x1}',
  '{"id":-}',
  '{"id":NaN}',
  '{"id":Infinity}',
  '{"id":tru}',
  '{"id":True}',
  '{"id":nulll}',
  '{"id":[1,]}',
  '{"id":[,1]}',
  '{"id":"a}',
  '{"id":"\\x"}',
  '{"id":"\\u12"}',
  '{"id":"\\u00zz"}',
  '{"id":"a\tb"}',
  '{"id":"a\0b"}',
  '{"id":1}}',
  '{"id":1}{"id":2}',
  '{"id":1}/**/',
  '{"id":1} x',
  '\ufeff{"id":1}',
  '{"id":1}\u00a0',
])("%j is no request", (text) => {
  expect(read(text)).toBeInstanceOf(Malformed);
});

test.each([
  ["a number for the method", '{"id":7,"method":1}'],
  ["null for the method", '{"id":7,"method":null}'],
  ["an object for the parameters", '{"id":7,"method":"x","params":{}}'],
  ["a text for the parameters", '{"id":7,"method":"x","params":"[]"}'],
])("%s is malformed, and the refusal bears the request's id", (_, text) => {
  expect(read(text)).toMatchObject({ idText: "7", detail: expect.any(String) });
});

test("bytes that are no UTF-8 are refused, also inside a string", () => {
  expect(readLine(Buffer.from([0x7b, 0x22, 0xff, 0x22, 0x3a, 0x31, 0x7d]))).toBeInstanceOf(Malformed);
  expect(readLine(Buffer.from([0x7b, 0x22, 0xc0, 0x80, 0x22, 0x3a, 0x31, 0x7d]))).toBeInstanceOf(Malformed);
});

test("a line of white space is blank, a long one is not worth looking at", () => {
  expect(["", "\r", " \t\r"].map((text) => isBlank(Buffer.from(text)))).toEqual([true, true, true]);
  expect(["x", " {} ", " ".repeat(17)].map((text) => isBlank(Buffer.from(text)))).toEqual([
    false,
    false,
    false,
  ]);
});
