import { expect, test } from "vitest";
import { Admission, networkOf } from "../../../src/stratum/admission.ts";

const limits = { connections: 4, connectionsPerAddress: 3, newConnectionsPerAddressPerSecond: 2 };

test("connections are counted in all, for each address, and for each address and second", () => {
  const admission = new Admission(limits);
  expect([1, 2, 3].map(() => admission.enter("1.1.1.1", 0))).toEqual([
    undefined,
    undefined,
    "connection-rate",
  ]);
  expect(admission.enter("1.1.1.1", 1000)).toBeUndefined();
  expect(admission.enter("1.1.1.1", 1000)).toBe("connections-per-address");
  expect(admission.enter("2.2.2.2", 1000)).toBeUndefined();
  expect(admission.enter("3.3.3.3", 1000)).toBe("connections");
  admission.leave("1.1.1.1");
  expect(admission.open).toBe(3);
  expect(admission.enter("3.3.3.3", 1000)).toBeUndefined();
});

test("addresses that are gone are forgotten, and none that is here", () => {
  const admission = new Admission(limits);
  admission.enter("1.1.1.1", 0);
  admission.enter("2.2.2.2", 0);
  admission.leave("1.1.1.1");
  admission.leave("1.1.1.1");
  admission.sweep(500);
  expect(admission.addresses).toBe(2);
  admission.sweep(1000);
  expect(admission.addresses).toBe(1);
  expect(admission.open).toBe(1);
});

test.each([
  ["1.2.3.4", "1.2.3.4"],
  ["::ffff:1.2.3.4", "1.2.3.4"],
  ["2001:db8:1:2:3:4:5:6", "2001:db8:1:2"],
  ["2001:db8::1", "2001:db8:0:0"],
  ["2001:db8:1:2::", "2001:db8:1:2"],
  ["::1", "0:0:0:0"],
  ["fe80::1%eth0", "fe80:0:0:0"],
])("%s is one guest with all of %s", (address, network) => {
  expect(networkOf(address)).toBe(network);
});
