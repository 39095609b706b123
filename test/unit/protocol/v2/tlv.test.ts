import { expect, test } from "vitest";
import { areTlvs, encodeTlvs, findTlv } from "../../../../src/protocol/v2/tlv.ts";

const bytes = (hex: string) => Buffer.from(hex.replaceAll(" ", ""), "hex");
const name = "576f726b65725f303031";

test.each([
  ["little-endian", `0200 01 0a00 ${name}`],
  ["big-endian", `0002 01 000a ${name}`],
  ["behind an unknown field", `0700 01 0200 aabb 0200 01 0a00 ${name}`],
  ["before a lower one", `0200 01 0a00 ${name} 0100 01 0000`],
])("a field is found: %s", (_, hex) => {
  expect(areTlvs(bytes(hex))).toBe(true);
  expect(findTlv(bytes(hex), 2, 1)?.toString()).toBe("Worker_001");
  expect(findTlv(bytes(hex), 2, 2)).toBeUndefined();
});

test("an empty field is found in either byte order", () => {
  expect(findTlv(bytes("0200 01 0000"), 2, 1)).toEqual(Buffer.alloc(0));
  expect(findTlv(bytes("0002 01 0000"), 2, 1)).toEqual(Buffer.alloc(0));
});

test("fields that do not end where the bytes end are none", () => {
  for (const hex of ["00", "02000100", "0200010200aa", "0200010100aabb", `0200010a00${name}ff`]) {
    expect(areTlvs(bytes(hex))).toBe(false);
    expect(findTlv(bytes(hex), 2, 1)).toBeUndefined();
  }
});

test("fields are written little-endian, in the order given", () => {
  const tlvs = [
    { extensionType: 2, fieldType: 1, value: bytes(name) },
    { extensionType: 0x4001, fieldType: 9, value: Buffer.alloc(0) },
  ];
  expect(encodeTlvs(tlvs)).toEqual(bytes(`0200 01 0a00 ${name} 0140 09 0000`));
});
