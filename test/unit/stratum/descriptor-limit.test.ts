import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { connectionsPossible } from "../../../src/stratum/descriptor-limit.ts";
import { temporaryFolder } from "../../support/temporary.ts";

const folder = await temporaryFolder("limits");
afterAll(folder.remove);

function possible(text: string): number {
  const file = join(folder.path, "limits");
  writeFileSync(file, text);
  return connectionsPossible(file);
}

test("the descriptor limit bounds the connections, less a reserve", () => {
  expect(possible("Max open files            4096                 8192                 files\n")).toBe(3968);
  expect(possible("Max open files            64                   64                   files\n")).toBe(1);
  expect(possible("Max open files            unlimited            unlimited            files\n")).toBe(
    999_872,
  );
});

test("the usual limit is assumed where it cannot be read", () => {
  expect(connectionsPossible("/nowhere/limits")).toBe(896);
  expect(possible("something else")).toBe(896);
});
