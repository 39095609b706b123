import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { sha256d } from "../../../src/bitcoin/hash.ts";
import { splitTransactions } from "../../../src/bitcoin/transaction.ts";

/** The first payment ever, of block 170, and BIP 143's example of a signed P2WPKH input beside an old one. */
const satoshiToFinney =
  "0100000001c997a5e56e104102fa209c6a852dd90660a20b2d9c352423edce25857fcd3704000000004847304402204e45e16932b8af514961a1d3a1a25fdf3f4f7732e9d624c6c61548ab5fb8cd410220181522ec8eca07de4860a4acdd12909d831cc56cbbac4622082221a8768d1d0901ffffffff0200ca9a3b00000000434104ae1a62fe09c5f51b13905f07f06b99a2f7159b2225f374cd378d71302fa28414e7aab37397f554a7df5f142c21c1b7303b8a0626f1baded5c72a704f7e6cd84cac00286bee0000000043410411db93e1dcdb8a016b49840f8c53bc1eb68a382e97b1482ecad7b148a6909a5cb2e0eaddfb84ccf9744464f82e160bfa9b8b64f9d4c03f999b8643f656b412a3ac00000000";
const nativeP2wpkh =
  "01000000000102fff7f7881a8099afa6940d42d1e7f6362bec38171ea3edf433541db4e4ad969f00000000494830450221008b9d1dc26ba6a9cb62127b02742fa9d754cd3bebf337f7a55d114c8e5cdd30be022040529b194ba3f9281a99f2b1c0a19c0489bc22ede944ccf4ecbab4cc618ef3ed01eeffffffef51e1b804cc89d182d279655c3aa89e815b1b309fe287d9b2b55d57b90ec68a0100000000ffffffff02202cb206000000001976a9148280b37df378db99f66f85c95a783a76ac7a6d5988ac9093510d000000001976a9143bde42dbee7e4dbe6a21b2d50ce2f0167faa815988ac000247304402203609e17b84f6a7d30c80bfa610b5b4542f32a8a0d5447a12fb1366d7f01cc44a0220573a954c4518331561406f90300e8f3358f51928d43c212a8caed02de67eebee0121025476c2e83188368da1ff3e292e7acafcdb3566bb0ad253f62fc70f07aeee635711000000";

const transactions = [satoshiToFinney, nativeP2wpkh].map((hex) => Buffer.from(hex, "hex"));
const [plain, witness] = transactions as [Buffer, Buffer];

test("the examples are what they are taken for", () => {
  expect(Buffer.from(sha256d(plain)).reverse().toString("hex")).toBe(
    "f4184fc596403b9d638783cf57adfe4c75c605f6356fbc91338530e9831e9e16",
  );
});

test("transactions with and without witness are cut where they end, as views", () => {
  const data = Buffer.concat([plain, witness, witness, plain]);
  const parts = splitTransactions(data);
  expect(parts.map((part) => Buffer.from(part))).toEqual([plain, witness, witness, plain]);
  expect(parts.every((part) => part.buffer === data.buffer)).toBe(true);
});

test("no bytes are no transactions", () => {
  expect(splitTransactions(new Uint8Array())).toEqual([]);
});

test("all transactions of real signet blocks are found, to the last byte", () => {
  const lines = readFileSync(new URL("../../vectors/signet-blocks.hex", import.meta.url), "utf8").split("\n");
  const blocks = lines.map((line) => line.trim()).filter((line) => /^[0-9a-f]{170,}$/.test(line));
  expect(blocks.length).toBeGreaterThan(0);
  for (const hex of blocks) {
    const block = Buffer.from(hex, "hex");
    // Fewer than 253: the count is one byte.
    expect(splitTransactions(block.subarray(81))).toHaveLength(block[80]!);
  }
});

test.each([
  ["without", plain],
  ["with", witness],
])("a transaction %s witness that is cut at any byte is refused", (_, transaction) => {
  for (let length = 1; length < transaction.length; length++) {
    const cut = transaction.subarray(0, length);
    expect(() => splitTransactions(cut), `${length}`).toThrow(
      expect.objectContaining({ code: "BYTES_MALFORMED" }),
    );
    expect(() => splitTransactions(Buffer.concat([plain, cut]))).toThrow(
      expect.objectContaining({ code: "BYTES_MALFORMED" }),
    );
  }
});

test("counts that lie are refused before anything is made of them", () => {
  const inputs = Buffer.from(plain);
  inputs[4] = 0xfc;
  const huge = Buffer.concat([
    plain.subarray(0, 4),
    Buffer.from("ff00000000ffff0000", "hex"),
    plain.subarray(5),
  ]);
  for (const data of [inputs, huge])
    expect(() => splitTransactions(data)).toThrow(expect.objectContaining({ code: "BYTES_MALFORMED" }));
});
