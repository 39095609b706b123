/** Stratum V1 as devices, proxies and markets speak it: one test for each dialogue, see README.md. */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { type Dialogue, parseDialogue } from "../support/conformance/dialogue.ts";
import { playDialogue } from "../support/conformance/play.ts";

const folder = import.meta.dirname;
const dialogues = readdirSync(folder)
  .filter((file) => file.endsWith(".dialogue"))
  .sort()
  .map((file) => parseDialogue(file, readFileSync(join(folder, file), "utf8")));
const readme = readFileSync(join(folder, "README.md"), "utf8");

let takenInNativeCode = 0;

describe("every line read in JavaScript", () => {
  for (const dialogue of dialogues) {
    test(dialogue.title, async () => {
      await playDialogue(dialogue, { intake: false });
    });
  }
});

describe("usual submissions judged in native code", () => {
  for (const dialogue of dialogues) {
    test(dialogue.title, async () => {
      takenInNativeCode += (await playDialogue(dialogue, { intake: true })).native;
    });
  }

  test("most dialogues with shares have some that took this way", () => {
    expect(takenInNativeCode).toBeGreaterThan(dialogues.length);
  });
});

describe("the corpus", () => {
  test("every quirk that concerns Stratum V1 has its dialogue", () => {
    const told = new Set(dialogues.map(({ title }) => /^Q\d+/.exec(title)?.[0]));
    // Q51 and Q52 are of Stratum V2.
    const all = Array.from({ length: 55 }, (_, index) => `Q${index + 1}`).filter(
      (quirk) => quirk !== "Q51" && quirk !== "Q52",
    );
    expect(all.filter((quirk) => !told.has(quirk))).toEqual([]);
  });

  test("a title is given once", () => {
    expect(new Set(dialogues.map(({ title }) => title)).size).toBe(dialogues.length);
  });

  test("the README's example is one that passes", async () => {
    const [, example] = /```dialogue\n([\s\S]*?)```/.exec(readme)!;
    await playDialogue(parseDialogue("README.md", example!), { intake: true });
  });
});

describe("a dialogue that fails says where and why", () => {
  const subscription = [
    '> {"id":1,"method":"mining.subscribe","params":["test/1"]}',
    "< subscribed 1",
    "< difficulty 2^-20",
    "< job clean",
  ];
  const authorization = ['> {"id":2,"method":"mining.authorize","params":["$address.rig","x"]}', "< ok 2"];

  test.each<[string, readonly string[], RegExp]>([
    [
      "another value than expected, by its path in the line",
      ['> {"id":1,"method":"mining.ping"}', '< {"id":1,"result":["pang"],"error":null}'],
      /^made-up\.dialogue:3: < \{"id":1.*\n\.result is "pong", not an array\ncame: {3}\{"id":1,"result":"pong"/,
    ],
    [
      "a member that was not expected",
      ['> {"id":1,"method":"mining.ping"}', '< {"id":1,"result":"pong"}'],
      /:3: .*\n\.error came, which is not expected\n/,
    ],
    [
      "a member that is missing",
      ['> {"id":1,"method":"mining.ping"}', '< {"id":1,"result":"pong","error":null,"more":*}'],
      /:3: .*\n\.more is missing\n/,
    ],
    [
      "another value than a name stands for",
      [
        '> {"id":1,"method":"mining.ping"}',
        '< {"id":$id,"result":$answer,"error":null}',
        '> {"id":2,"method":"mining.ping"}',
        '< {"id":$id,"result":$answer,"error":null}',
      ],
      /:5: .*\n\.id is 2, not \$id \(1\)\n/,
    ],
    [
      "something came though nothing was expected",
      [...subscription.slice(0, 2), "nothing"],
      /:4: nothing\nnothing was expected\ncame: {3}.*mining\.set_difficulty.*\nunread: .*mining\.notify/,
    ],
    [
      "something came behind the last line",
      subscription.slice(0, 2),
      /:3: < subscribed 1\nbehind this, nothing was expected\ncame: {3}.*mining\.set_difficulty/,
    ],
    [
      "a share that was refused",
      [...subscription, ...authorization, "share $address.rig meets=2^-32 misses=2^-20 ok"],
      /:8: share .*\n\.result is null, not true\ncame: {3}.*low-difficulty/,
    ],
    [
      "a share that was not refused",
      [...subscription, ...authorization, "share $address.rig refused stale"],
      /:8: share .*\n\.result is true, not null\n/,
    ],
    [
      "a share that was refused for another reason",
      [...subscription, ...authorization, "share $address.rig named=123 refused stale"],
      /:8: share .*\n\.error\[1\] is "job-not-found: .*", not "stale: \*"\n/,
    ],
    [
      "a share that was credited to another worker",
      [...subscription, ...authorization, "share $address.rig ok", "credited $address rug"],
      /:9: credited .*\nthe share was credited to "bcrt1.*", worker "rig"/,
    ],
    [
      "a share that was credited with other work",
      [...subscription, ...authorization, "share $address.rig ok", "credited $address rig 2^-19"],
      /:9: credited .*\nthe share was credited with a work of 4096, not 8192/,
    ],
    [
      "a job of another shape",
      [...subscription.slice(0, 3), "< job clean coinbase<=100"],
      /:5: < job clean coinbase<=100\nthe job's coinbase is \d+, not <=100\n/,
    ],
    [
      "the connection was closed",
      [">| SSH-2.0-OpenSSH_9.2\\r\\n", '< {"id":1}'],
      /:3: .*\nthe pool closed the connection/,
    ],
    [
      "the connection was closed for another reason",
      [">| SSH-2.0-OpenSSH_9.2\\r\\n", "closed garbage"],
      /:3: closed garbage\nthe pool closed it for another reason: connectionClosed not-stratum/,
    ],
    ["a name that nothing is known of", ["> $nobody"], /:2: > \$nobody\nnothing is known as \$nobody/],
    ["a step that there is not", ["dance"], /:2: dance\nthere is no step "dance"/],
    ["a line that is no step", ["?"], /:2: \?\nthis is no step of a dialogue/],
    ["a setting that is misspelt", ["pool difficulty"], /:2: pool difficulty\n"difficulty" is not written/],
    [
      "a pattern that is misspelt",
      ['> {"id":1,"method":"mining.ping"}', '< {"id":1,}'],
      /:3: .*\n"key": value is expected at "}"/,
    ],
  ])("%s", async (_, lines, message) => {
    await expect(play(["# A title", ...lines])).rejects.toThrow(message);
  });

  test("a setting that there is not", async () => {
    await expect(play(["# A title", "pool difficulty.begin=7", "tip"])).rejects.toThrow(
      'there is no setting "difficulty.begin"',
    );
  });

  test("no title", async () => {
    await expect(play(["tip"])).rejects.toThrow(
      /^made-up\.dialogue:1: tip\nthe first line must be the title/,
    );
  });

  async function play(lines: readonly string[]): Promise<unknown> {
    const dialogue: Dialogue = parseDialogue("made-up.dialogue", lines.join("\n"));
    return await playDialogue(dialogue, { intake: false });
  }
});
