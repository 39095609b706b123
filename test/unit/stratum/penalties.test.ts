import { expect, test } from "vitest";
import type { Guest } from "../../../src/stratum/admission.ts";
import { parseNetwork } from "../../../src/stratum/network.ts";
import {
  defaultPenaltyOptions,
  type Offence,
  offences,
  Penalties,
  type Penalty,
  rememberedOffenders,
} from "../../../src/stratum/penalties.ts";
import { mulberry32 } from "../../support/random.ts";

const aGuest = (network = "1.1.1.1", acceptedMs?: number): Guest => ({ network, acceptedMs });
const names = Object.keys(offences) as Offence[];

/** A connection each, dropped for one offence. */
function dropMany(penalties: Penalties, guest: Guest, count: number, offence: Offence, nowMs = 0): Penalty[] {
  return Array.from({ length: count }, () => penalties.offence({}, guest, offence, nowMs));
}

test("a connection is warned, then slowed, then dropped", () => {
  const penalties = new Penalties();
  const connection = {};
  const steps = Array.from({ length: 27 }, () =>
    penalties.offence(connection, aGuest(), "malformed-line", 0),
  );
  expect(steps).toEqual([
    ...Array(7).fill("none"),
    "warn",
    ...Array(6).fill("none"),
    ...Array(10).fill("slow"),
    ...["drop", "drop", "drop"],
  ]);
});

test("every connection has its own points", () => {
  const penalties = new Penalties();
  for (let line = 0; line < 24; line++) penalties.offence(penalties, aGuest(), "malformed-line", 0);
  expect(penalties.offence({}, aGuest(), "malformed-line", 0)).toBe("none");
});

test("one senseless line every ten seconds is left alone for ever", () => {
  const penalties = new Penalties();
  const connection = {};
  const steps = Array.from({ length: 10_000 }, (_, line) =>
    penalties.offence(connection, aGuest(), "malformed-line", line * 10_000),
  );
  expect(new Set(steps)).toEqual(new Set(["none"]));
});

test("a warning is given once, and again only after the points were gone", () => {
  const penalties = new Penalties();
  const connection = {};
  const lines = (nowMs: number) =>
    [1, 2].map(() => penalties.offence(connection, aGuest(), "request-flood", nowMs));
  expect(lines(0)).toEqual(["none", "warn"]);
  expect(lines(38_000)).toEqual(["none", "none"]);
  expect(lines(100_000)).toEqual(["none", "warn"]);
});

test.each(["not-stratum", "line-too-long", "subscribe-timeout", "tls-failure", "slow-reader"] as const)(
  "%s ends the connection at once",
  (offence) => {
    expect(new Penalties().offence({}, aGuest(), offence, 0)).toBe("drop");
  },
);

test.each([
  "malformed-line",
  "garbage",
  "not-stratum",
  "line-too-long",
  "subscribe-timeout",
  "tls-failure",
] as const)(
  "twenty connections dropped for %s in a minute do not get their address banned, thousands do",
  (offence) => {
    const few = new Penalties();
    const many = new Penalties();
    const drop = (penalties: Penalties, nowMs: number): Penalty => {
      const connection = {};
      let step: Penalty;
      do step = penalties.offence(connection, aGuest(), offence, nowMs);
      while (step !== "drop" && step !== "ban");
      return step;
    };
    for (let count = 0; count < 20; count++) expect(drop(few, count * 3000)).toBe("drop");
    const steps = Array.from({ length: 2000 }, (_, count) => drop(many, count * 30));
    expect(steps.indexOf("ban")).toBeGreaterThan(50);
    expect(steps.filter((step) => step === "ban").length).toBeGreaterThan(5);
  },
);

test("thirty hostile connections a minute get nobody banned, however long it goes on", () => {
  const penalties = new Penalties();
  for (let count = 0; count < 3000; count++)
    expect(penalties.offence({}, aGuest(), "not-stratum", count * 2000)).toBe("drop");
});

test("after a ban an address starts anew", () => {
  const penalties = new Penalties();
  expect(dropMany(penalties, aGuest(), 100, "not-stratum").at(-1)).toBe("ban");
  expect(penalties.offenders).toBe(0);
  expect(dropMany(penalties, aGuest(), 99, "not-stratum")).not.toContain("ban");
  expect(dropMany(penalties, aGuest(), 1, "not-stratum")).toEqual(["ban"]);
});

test("an address is never banned while a share of it was accepted within ten minutes, and then it is", () => {
  const penalties = new Penalties();
  const guest = aGuest();
  penalties.accepted({}, guest, 1000);
  expect(guest.acceptedMs).toBe(1000);
  expect(dropMany(penalties, guest, 5000, "not-stratum", 600_999)).not.toContain("ban");
  expect(dropMany(penalties, guest, 1, "not-stratum", 601_000)).toEqual(["ban"]);
});

test("one address's offences are nothing to another, and exempt addresses are never banned, only dropped", () => {
  const exempt = ["10.0.0.0/8", "2001:db8::/32"].map((text) => parseNetwork(text)!);
  const penalties = new Penalties({ ...defaultPenaltyOptions, exempt });
  dropMany(penalties, aGuest("1.1.1.1"), 99, "not-stratum");
  expect(dropMany(penalties, aGuest("1.1.1.2"), 99, "not-stratum")).not.toContain("ban");
  for (const network of ["10.9.9.9", "2001:db8:1:2::/64"])
    expect(new Set(dropMany(penalties, aGuest(network), 5000, "not-stratum"))).toEqual(new Set(["drop"]));
  expect(penalties.offenders).toBe(2);
});

test("a connection whose address is not known yet is dropped like any other, and nobody gets its points", () => {
  const penalties = new Penalties();
  const steps = Array.from({ length: 5000 }, () => penalties.offence({}, undefined, "tls-failure", 0));
  expect(new Set(steps)).toEqual(new Set(["drop"]));
  expect(penalties.offenders).toBe(0);
  expect(() => penalties.accepted({}, undefined, 0)).not.toThrow();
});

test("a connection that was dropped costs its address no more, whatever still comes from it", () => {
  const penalties = new Penalties();
  const connection = {};
  const steps = Array.from({ length: 5000 }, () => penalties.offence(connection, aGuest(), "not-stratum", 0));
  expect(new Set(steps)).toEqual(new Set(["drop"]));
});

test("a flood of requests is one offence a second, and ends in a drop", () => {
  const penalties = new Penalties({ ...defaultPenaltyOptions, requestsPerSecond: 10 });
  const connection = {};
  const secondOf = (second: number, requests: number) =>
    Array.from({ length: requests }, () => penalties.request(connection, aGuest(), second * 1000)).filter(
      (step) => step !== "none",
    );
  expect(secondOf(1, 10)).toEqual([]);
  const steps = [2, 3, 4, 5, 6, 7].flatMap((second) => secondOf(second, 500));
  expect(steps).toEqual(["warn", "slow", "slow", "drop"]);
});

test("a burst of requests now and then is no flood", () => {
  const penalties = new Penalties();
  const connection = {};
  const steps = new Set<Penalty>();
  for (let minute = 1; minute < 100; minute++) {
    for (let request = 0; request < 5000; request++)
      steps.add(penalties.request(connection, aGuest(), minute * 60_000));
  }
  expect(steps).toEqual(new Set(["none"]));
});

test("nothing but refused shares slows, then drops a connection within minutes, and never bans", () => {
  const penalties = new Penalties();
  const guest = aGuest();
  const flood = () => {
    const connection = {};
    return Array.from({ length: 1200 }, (_, share) =>
      penalties.refused(connection, guest, 1, share * 50),
    ).filter((step) => step !== "none");
  };
  expect(flood().slice(0, 4)).toEqual(["warn", "slow", "slow", "drop"]);
  expect(Array.from({ length: 300 }, flood).flat()).not.toContain("ban");
  expect(penalties.offenders).toBe(0);
});

test("a single accepted share between shows that a miner is honest", () => {
  const penalties = new Penalties();
  const connection = {};
  const steps = new Set<Penalty>();
  for (let nowMs = 0; nowMs < 600_000; nowMs += 10) {
    steps.add(penalties.refused(connection, aGuest(), 1, nowMs));
    if (nowMs % 9000 === 0) penalties.accepted(connection, aGuest(), nowMs);
  }
  expect(steps).toEqual(new Set(["none"]));
});

test("thousands of shares refused within seconds, as at a new tip, are no flood", () => {
  const penalties = new Penalties();
  const connection = {};
  const steps = Array.from({ length: 9999 }, (_, share) => penalties.refused(connection, aGuest(), 1, share));
  expect(new Set(steps)).toEqual(new Set(["none"]));
});

test("a device whose every share is refused, but at an honest pace, is told so and left alone", () => {
  const penalties = new Penalties();
  const connection = {};
  const steps = Array.from({ length: 5000 }, (_, share) =>
    penalties.refused(connection, aGuest(), 1, share * 1000),
  );
  expect(new Set(steps)).toEqual(new Set(["none", "warn"]));
});

test("offenders are forgotten when their points are gone, and their number has a bound", () => {
  const penalties = new Penalties();
  const address = (number: number) => `10.${number >> 16}.${(number >> 8) & 255}.${number & 255}`;
  for (let number = 0; number < rememberedOffenders + 10; number++)
    penalties.offence({}, aGuest(address(number)), "not-stratum", 0);
  expect(penalties.offenders).toBe(rememberedOffenders);
  penalties.sweep(1999);
  expect(penalties.offenders).toBe(rememberedOffenders);
  penalties.sweep(2001);
  expect(penalties.offenders).toBe(0);
});

test("whatever happens, only what is not in good standing and has lost many connections is banned", () => {
  for (let seed = 1; seed <= 10; seed++) {
    const below = mulberry32(seed);
    const penalties = new Penalties({ ...defaultPenaltyOptions, requestsPerSecond: 3 });
    const guests = Array.from({ length: 4 }, (_, number) => aGuest(`1.1.1.${number}`));
    const lost = new Map<Guest, number>(guests.map((guest) => [guest, 0]));
    let connections = guests.map(() => ({}));
    let nowMs = 0;
    for (let round = 0; round < 5000; round++) {
      nowMs += below(200);
      const number = below(guests.length);
      const guest = guests[number]!;
      const connection = connections[number]!;
      const acts: (() => Penalty)[] = [
        () => penalties.offence(connection, guest, names[below(names.length)]!, nowMs),
        () => penalties.offence(connection, guest, names[below(names.length)]!, nowMs),
        () => penalties.request(connection, guest, nowMs),
        () => penalties.refused(connection, guest, 1, nowMs),
        () => {
          if (below(200) === 0) penalties.accepted(connection, guest, nowMs);
          penalties.sweep(nowMs);
          return "none";
        },
      ];
      const step = acts[below(acts.length)]!();
      if (step !== "drop" && step !== "ban") continue;
      connections = connections.with(number, {});
      lost.set(guest, lost.get(guest)! + 1);
      if (step === "drop") continue;
      expect(lost.get(guest)).toBeGreaterThanOrEqual(100);
      expect(guest.acceptedMs === undefined || nowMs - guest.acceptedMs >= 600_000).toBe(true);
      lost.set(guest, 0);
    }
    expect(penalties.offenders).toBeLessThanOrEqual(guests.length);
  }
});
