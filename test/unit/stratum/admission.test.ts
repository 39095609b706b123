import { expect, test } from "vitest";
import { Admission, type AdmissionLimits, rememberedNetworks } from "../../../src/stratum/admission.ts";
import { networkText, oneAddress } from "../../../src/stratum/network.ts";
import { mulberry32 } from "../../support/random.ts";

const plenty: AdmissionLimits = {
  connections: 1_000_000,
  connectionsPerAddress: 1000,
  connectionsPerSubnet: 1000,
  newConnectionsPerAddressPerSecond: 1000,
  newConnectionsPerSubnetPerSecond: 1000,
};
const admissionWith = (changes: Partial<AdmissionLimits>) => new Admission({ ...plenty, ...changes });

test("connections are counted in all, for each address, and for each address and second", () => {
  const admission = admissionWith({
    connections: 4,
    connectionsPerAddress: 3,
    newConnectionsPerAddressPerSecond: 2,
  });
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

test("many addresses of one subnet are counted together, beside the others", () => {
  const admission = admissionWith({ connectionsPerAddress: 1, connectionsPerSubnet: 2 });
  expect(admission.enter("1.1.1.1", 0)).toBeUndefined();
  expect(admission.enter("1.1.1.2", 0)).toBeUndefined();
  expect(admission.enter("1.1.1.3", 0)).toBe("connections-per-subnet");
  expect(admission.enter("1.1.2.3", 0)).toBeUndefined();
  expect(admission.enter("2001:db8:1:1::1", 0)).toBeUndefined();
  expect(admission.enter("2001:db8:1:2::1", 0)).toBeUndefined();
  expect(admission.enter("2001:db8:1:3::1", 0)).toBe("connections-per-subnet");
  admission.leave("1.1.1.1");
  expect(admission.enter("1.1.1.3", 0)).toBeUndefined();
});

test("many addresses of one subnet have one rate together", () => {
  const admission = admissionWith({
    newConnectionsPerAddressPerSecond: 1,
    newConnectionsPerSubnetPerSecond: 2,
  });
  const enter = (last: number, nowMs: number) => admission.enter(`1.1.1.${last}`, nowMs);
  expect([1, 2, 3].map((last) => enter(last, 0))).toEqual([undefined, undefined, "connection-rate"]);
  expect(enter(3, 499)).toBe("connection-rate");
  expect(enter(3, 500)).toBeUndefined();
  expect(admission.enter("1.1.2.1", 500)).toBeUndefined();
});

test("a refused connection takes nothing from anybody's rate", () => {
  const admission = admissionWith({ connectionsPerAddress: 1, newConnectionsPerAddressPerSecond: 2 });
  admission.enter("1.1.1.1", 0);
  for (let attempt = 0; attempt < 10; attempt++)
    expect(admission.enter("1.1.1.1", 0)).toBe("connections-per-address");
  admission.leave("1.1.1.1");
  expect(admission.enter("1.1.1.1", 0)).toBeUndefined();
});

test("a subnet may have whatever one of its addresses may have", () => {
  const admission = admissionWith({
    connectionsPerAddress: 5,
    connectionsPerSubnet: 1,
    newConnectionsPerAddressPerSecond: 5,
    newConnectionsPerSubnetPerSecond: 1,
  });
  for (let connection = 0; connection < 5; connection++)
    expect(admission.enter("1.1.1.1", 0)).toBeUndefined();
  expect(admission.enter("1.1.1.2", 1000)).toBe("connections-per-subnet");
});

test("the banned are not let in, whatever is free, and are not remembered", () => {
  const admission = new Admission(plenty, (address) => networkText(oneAddress(address)) === "1.1.1.1");
  expect(admission.enter("1.1.1.1", 0)).toBe("banned");
  expect(admission.enter("::ffff:1.1.1.1", 0)).toBe("banned");
  expect(admission.enter("1.1.1.2", 0)).toBeUndefined();
  expect([admission.open, admission.addresses, admission.subnets]).toEqual([1, 1, 1]);
});

test("a connection whose address comes later counts toward the total alone until then", () => {
  const admission = admissionWith({ connections: 3, connectionsPerAddress: 1 });
  expect([admission.hold(), admission.hold(), admission.hold()]).toEqual([undefined, undefined, undefined]);
  expect(admission.hold()).toBe("connections");
  expect(admission.enter("9.9.9.9", 0)).toBe("connections");
  expect(admission.admit("1.1.1.1", 0)).toBeUndefined();
  expect([admission.open, admission.held, admission.addresses]).toEqual([3, 2, 1]);
  expect(admission.admit("1.1.1.1", 0)).toBe("connections-per-address");
  expect([admission.open, admission.held]).toEqual([2, 1]);
  admission.release();
  admission.release();
  expect([admission.open, admission.held]).toEqual([1, 0]);
  expect(() => admission.admit("1.1.1.1", 0)).toThrow("only a held connection");
});

test("a peer of which no address can be read is one guest with all of its like", () => {
  const admission = admissionWith({ connectionsPerAddress: 1 });
  expect(admission.enter("nonsense", 0)).toBeUndefined();
  expect(admission.enter("other nonsense", 0)).toBe("connections-per-address");
  admission.leave("nonsense");
  expect(admission.open).toBe(0);
});

test("addresses that are gone are forgotten once their rate has recovered, and none that is here", () => {
  const admission = admissionWith({});
  for (let connection = 0; connection < 1000; connection++) admission.enter("1.1.1.1", 0);
  admission.enter("2.2.2.2", 0);
  for (let connection = 0; connection < 1001; connection++) admission.leave("1.1.1.1");
  admission.sweep(500);
  expect([admission.addresses, admission.subnets]).toEqual([2, 2]);
  admission.sweep(1000);
  expect([admission.addresses, admission.subnets]).toEqual([1, 1]);
  expect(admission.open).toBe(1);
});

test("a guest is the same for all connections of an address, and for ten minutes after its last share", () => {
  const admission = admissionWith({});
  expect(admission.guestOf("1.1.1.1")).toBeUndefined();
  admission.enter("1.1.1.1", 0);
  admission.enter("::ffff:1.1.1.1", 0);
  const guest = admission.guestOf("1.1.1.1")!;
  expect(admission.guestOf("::ffff:1.1.1.1")).toBe(guest);
  expect(guest.network).toBe("1.1.1.1");
  expect(admission.standsWell("1.1.1.1", 0)).toBe(false);
  guest.acceptedMs = 1000;
  admission.leave("1.1.1.1");
  admission.leave("1.1.1.1");
  expect(admission.guestOf("1.1.1.1")).toBeUndefined();
  admission.sweep(600_999);
  expect(admission.standsWell("1.1.1.1", 600_999)).toBe(true);
  expect(admission.standsWell("1.1.1.1", 601_000)).toBe(false);
  expect(admission.standsWell("2.2.2.2", 1000)).toBe(false);
  admission.sweep(601_000);
  expect(admission.addresses).toBe(0);
});

test("another process can vouch for an address that is known here, and for no stranger", () => {
  const admission = admissionWith({});
  admission.enter("1.1.1.1", 0);
  admission.vouch("1.1.1.1", 7);
  admission.vouch("2.2.2.2", 7);
  expect(admission.guestOf("1.1.1.1")?.acceptedMs).toBe(7);
  expect(admission.standsWell("1.1.1.1", 8)).toBe(true);
  expect(admission.standsWell("2.2.2.2", 8)).toBe(false);
  expect(admission.addresses).toBe(1);
});

test("a guest that comes back is the one that it was", () => {
  const admission = admissionWith({});
  admission.enter("1.1.1.1", 0);
  admission.guestOf("1.1.1.1")!.acceptedMs = 5;
  admission.leave("1.1.1.1");
  admission.enter("1.1.1.1", 100);
  expect(admission.guestOf("1.1.1.1")!.acceptedMs).toBe(5);
});

test("beyond 65,536 networks without a connection the one gone for longest is forgotten, and nobody is refused", () => {
  const admission = admissionWith({});
  const address = (number: number) => `10.${number >> 16}.${(number >> 8) & 255}.${number & 255}`;
  admission.enter("9.9.9.9", 0);
  for (let number = 0; number < rememberedNetworks + 10; number++) {
    expect(admission.enter(address(number), 0)).toBeUndefined();
    admission.guestOf(address(number))!.acceptedMs = 0;
    admission.leave(address(number));
  }
  expect(admission.addresses).toBe(rememberedNetworks + 1);
  expect(admission.subnets).toBeLessThanOrEqual(rememberedNetworks + 1);
  expect(admission.standsWell(address(9), 0)).toBe(false);
  expect(admission.standsWell(address(10), 0)).toBe(true);
  expect(admission.guestOf("9.9.9.9")).toBeDefined();
});

test("whatever comes and goes: no count is below zero or above its limit, and all leaving undoes all entering", () => {
  for (let seed = 1; seed <= 12; seed++) {
    const below = mulberry32(seed);
    const limits: AdmissionLimits = {
      connections: 1 + below(40),
      connectionsPerAddress: 1 + below(6),
      connectionsPerSubnet: 1 + below(20),
      newConnectionsPerAddressPerSecond: 1 + below(10),
      newConnectionsPerSubnetPerSecond: 1 + below(30),
    };
    const admission = new Admission(limits, () => below(20) === 0);
    const here: string[] = [];
    let held = 0;
    let nowMs = 0;
    const address = () =>
      below(3) === 0 ? `2001:db8:${below(2)}:${below(3)}::${below(9)}` : `10.0.${below(2)}.${below(5)}`;
    const acts = [
      () => {
        const who = address();
        if (admission.enter(who, nowMs) === undefined) here.push(who);
      },
      () => {
        if (admission.hold() === undefined) held += 1;
      },
      () => {
        if (held === 0) return;
        const who = address();
        held -= 1;
        if (admission.admit(who, nowMs) === undefined) here.push(who);
      },
      () => {
        admission.release();
        held = Math.max(0, held - 1);
      },
      () => {
        const [who] = here.splice(below(here.length || 1), 1);
        if (who !== undefined) admission.leave(who);
      },
      () => admission.sweep(nowMs),
      () => {
        // Somebody who is not here leaves nobody's place.
        admission.leave("172.16.0.1");
      },
    ];
    for (let round = 0; round < 1500; round++) {
      nowMs += below(100);
      acts[below(acts.length)]!();
      expect(admission.open).toBe(here.length + held);
      expect(admission.held).toBe(held);
      expect(admission.open).toBeLessThanOrEqual(limits.connections);
      expect(here.every((who) => admission.guestOf(who) !== undefined)).toBe(true);
    }
    for (const who of here) admission.leave(who);
    for (; held > 0; held--) admission.release();
    expect([admission.open, admission.held]).toEqual([0, 0]);
    admission.sweep(nowMs + 1000);
    expect([admission.addresses, admission.subnets]).toEqual([0, 0]);
  }
});

test("in any second an address is let in at most twice its rate, and its rate over the long run", () => {
  const below = mulberry32(3);
  const admission = admissionWith({ newConnectionsPerAddressPerSecond: 10 });
  const times: number[] = [];
  for (let nowMs = 0; nowMs < 60_000; nowMs += below(20)) {
    if (admission.enter("1.1.1.1", nowMs) !== undefined) continue;
    admission.leave("1.1.1.1");
    times.push(nowMs);
  }
  for (const [index, start] of times.entries())
    expect(times.slice(index).filter((time) => time - start < 1000).length).toBeLessThanOrEqual(20);
  expect(times.length).toBeLessThanOrEqual(610);
  expect(times.length).toBeGreaterThan(590);
});
