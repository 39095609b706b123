import { expect, test } from "vitest";
import { Bans, mostBans, mostCommandedBans } from "../../../src/stratum/bans.ts";
import { parseAddress } from "../../../src/stratum/network.ts";
import { mulberry32 } from "../../support/random.ts";

const second = 1000;
const hour = 3600 * second;
const day = 24 * hour;
const isBanned = (bans: Bans, address: string, nowMs: number) => bans.isBanned(parseAddress(address)!, nowMs);

test("the first ban is 30 seconds, each further one twice as long, an hour at most", () => {
  const bans = new Bans();
  const lengths: number[] = [];
  let nowMs = 0;
  for (let round = 1; round <= 10; round++) {
    const notice = bans.ban("1.1.1.1", "malformed-line", nowMs)!;
    expect(notice).toEqual({ network: "1.1.1.1", untilMs: notice.untilMs, cause: "malformed-line", round });
    lengths.push((notice.untilMs - nowMs) / second);
    expect(isBanned(bans, "1.1.1.1", notice.untilMs - 1)).toBe(true);
    expect(isBanned(bans, "1.1.1.1", notice.untilMs)).toBe(false);
    nowMs = notice.untilMs + hour;
  }
  expect(lengths).toEqual([30, 60, 120, 240, 480, 960, 1920, 3600, 3600, 3600]);
});

test("who is banned already is not banned again, nor for longer", () => {
  const bans = new Bans();
  bans.ban("1.1.1.1", "not-stratum", 0);
  expect(bans.ban("1.1.1.1", "not-stratum", 29_999)).toBeUndefined();
  expect(bans.list(29_999)).toHaveLength(1);
  expect(bans.ban("1.1.1.1", "not-stratum", 30_000)).toMatchObject({ round: 2, untilMs: 90_000 });
});

test("after a day of peace a ban is forgotten", () => {
  const bans = new Bans();
  bans.ban("1.1.1.1", "not-stratum", 0);
  bans.sweep(30_000 + day - 1);
  expect(bans.history(30_000 + day - 1)).toHaveLength(1);
  expect(bans.history(30_000 + day)).toEqual([]);
  expect(bans.ban("1.1.1.1", "not-stratum", 30_000 + day)).toMatchObject({ round: 1 });

  const unswept = new Bans();
  unswept.ban("1.1.1.1", "not-stratum", 0);
  expect(unswept.ban("1.1.1.1", "not-stratum", 30_000 + day)).toMatchObject({ round: 1 });
});

test("a ban of an address covers its IPv6 /64 and its IPv4-mapped form, and nothing else", () => {
  const bans = new Bans();
  bans.ban("1.1.1.1", "not-stratum", 0);
  bans.ban("2001:db8:0:1::/64", "not-stratum", 0);
  expect(isBanned(bans, "::ffff:1.1.1.1", 1)).toBe(true);
  expect(isBanned(bans, "1.1.1.2", 1)).toBe(false);
  expect(isBanned(bans, "2001:db8:0:1:ffff::9", 1)).toBe(true);
  expect(isBanned(bans, "2001:db8:0:2::9", 1)).toBe(false);
});

test("a command bans an address or a network for as long as it says", () => {
  const bans = new Bans();
  expect(bans.command("10.1.2.3/16", hour, 5)).toEqual({
    network: "10.1.0.0/16",
    untilMs: hour + 5,
    cause: "command",
    round: 0,
  });
  bans.command("2001:db8::7", hour, 0);
  bans.command("1.1.1.1", hour, 0);
  for (const address of ["10.1.255.255", "2001:db8::1", "1.1.1.1"]) {
    expect(isBanned(bans, address, hour - 1)).toBe(true);
    expect(isBanned(bans, address, hour + 5)).toBe(false);
  }
  for (const address of ["10.2.0.0", "2001:db8:0:1::1", "1.1.1.2"])
    expect(isBanned(bans, address, 6)).toBe(false);
});

test("a second command for a network replaces the first, also with a shorter time", () => {
  const bans = new Bans();
  bans.command("10.1.0.0/16", hour, 0);
  bans.command("10.1.9.9/16", second, 0);
  expect(isBanned(bans, "10.1.0.0", second)).toBe(false);
});

test.each([
  ["nonsense", hour, "BAN_NETWORK_INVALID"],
  ["1.2.3.4/33", hour, "BAN_NETWORK_INVALID"],
  ["", hour, "BAN_NETWORK_INVALID"],
  ["0.0.0.0/0", hour, "BAN_NETWORK_TOO_WIDE"],
  ["10.0.0.0/7", hour, "BAN_NETWORK_TOO_WIDE"],
  ["2001::/15", hour, "BAN_NETWORK_TOO_WIDE"],
  ["1.2.3.4", 0, "BAN_TOO_LONG"],
  ["1.2.3.4", Number.NaN, "BAN_TOO_LONG"],
  ["1.2.3.4", 367 * day, "BAN_TOO_LONG"],
])("a command to ban %j for %d ms is refused: %s", (network, lengthMs, code) => {
  const bans = new Bans();
  expect(() => bans.command(network, lengthMs, 0)).toThrow(expect.objectContaining({ code }));
  expect(bans.list(0)).toEqual([]);
});

test("lifting ends the ban of an address, and its history", () => {
  const bans = new Bans();
  bans.ban("1.1.1.1", "not-stratum", 0);
  bans.ban("1.1.1.2", "not-stratum", 0);
  expect(bans.lift("1.1.1.1", 1)).toEqual({ lifted: 1, stillBannedBy: undefined });
  expect(isBanned(bans, "1.1.1.1", 1)).toBe(false);
  expect(isBanned(bans, "1.1.1.2", 1)).toBe(true);
  expect(bans.ban("1.1.1.1", "not-stratum", 2)).toMatchObject({ round: 1 });
  expect(bans.lift("9.9.9.9", 1).lifted).toBe(0);
  expect(() => bans.lift("nobody", 1)).toThrow(expect.objectContaining({ code: "BAN_NETWORK_INVALID" }));
});

test("lifting a network ends all bans within it, and none that is wider", () => {
  const bans = new Bans();
  bans.command("10.0.0.0/8", hour, 0);
  bans.command("10.1.0.0/16", hour, 0);
  bans.command("10.1.7.0/24", hour, 0);
  bans.ban("10.1.7.7", "not-stratum", 0);
  bans.ban("10.2.7.7", "not-stratum", 0);
  expect(bans.lift("10.1.0.0/16", 1)).toEqual({ lifted: 3, stillBannedBy: "10.0.0.0/8" });
  expect(bans.list(1).map(({ network }) => network)).toEqual(["10.2.7.7", "10.0.0.0/8"]);
  expect(isBanned(bans, "10.1.7.7", 1)).toBe(true);
  expect(bans.lift("10.0.0.0/8", 1)).toEqual({ lifted: 2, stillBannedBy: undefined });
  expect(isBanned(bans, "10.1.7.7", 1)).toBe(false);
});

test("an IPv6 address is lifted with its /64; one alone says which ban still covers it", () => {
  const bans = new Bans();
  bans.ban("2001:db8::/64", "not-stratum", 0);
  expect(bans.lift("2001:db8::1/128", 1)).toEqual({ lifted: 0, stillBannedBy: "2001:db8::/64" });
  expect(bans.lift("2001:db8::1", 1)).toEqual({ lifted: 1, stillBannedBy: undefined });
});

test("lifting all ends everything; bans that were over are not counted", () => {
  const bans = new Bans();
  bans.ban("1.1.1.1", "not-stratum", 0);
  bans.ban("1.1.1.2", "not-stratum", 60_000);
  bans.command("10.0.0.0/8", hour, 0);
  expect(bans.lift(undefined, 60_001)).toEqual({ lifted: 2, stillBannedBy: undefined });
  expect(bans.history(60_001)).toEqual([]);
  expect(isBanned(bans, "10.0.0.1", 60_001)).toBe(false);
});

test("a ban that was withdrawn never was, but a command stays", () => {
  const bans = new Bans();
  bans.ban("1.1.1.1", "not-stratum", 0);
  bans.withdraw("1.1.1.1");
  expect(isBanned(bans, "1.1.1.1", 1)).toBe(false);
  expect(bans.ban("1.1.1.1", "not-stratum", 2)).toMatchObject({ round: 1 });
  bans.command("1.1.1.2", hour, 0);
  bans.withdraw("1.1.1.2");
  expect(isBanned(bans, "1.1.1.2", 1)).toBe(true);
});

test("the same notices, in any order and more than once, give the same tables and the same next ban", () => {
  const below = mulberry32(11);
  const origin = new Bans();
  const notices = [
    origin.ban("1.1.1.1", "not-stratum", 0)!,
    origin.ban("1.1.1.1", "line-too-long", 50_000)!,
    origin.ban("2.2.2.2", "not-stratum", 100)!,
    // Decided elsewhere at nearly the same time.
    { network: "2.2.2.2", untilMs: 30_200, cause: "tls-failure", round: 1 } as const,
    origin.command("10.0.0.0/8", hour, 0),
  ];
  origin.take(notices[3]!);
  for (let round = 0; round < 50; round++) {
    const copy = new Bans();
    const mixed = [...notices, ...notices].sort(() => below(3) - 1);
    for (const notice of mixed) copy.take(notice);
    expect(copy.list(1000)).toEqual(origin.list(1000));
    expect(copy.ban("1.1.1.1", "not-stratum", 200_000)).toMatchObject({ round: 3 });
  }
  const newcomer = new Bans();
  for (const notice of origin.history(1000)) newcomer.take(notice);
  expect(newcomer.list(1000)).toEqual(origin.list(1000));
});

test("beyond 65,536 bans the first one makes room, but no flood lifts what was commanded", () => {
  const bans = new Bans();
  bans.command("9.9.9.9", hour, 0);
  const address = (number: number) => `10.${number >> 16}.${(number >> 8) & 255}.${number & 255}`;
  for (let number = 0; number < mostBans + 5; number++) bans.ban(address(number), "not-stratum", 0);
  expect(bans.list(1)).toHaveLength(mostBans + 1);
  expect(isBanned(bans, address(4), 1)).toBe(false);
  expect(isBanned(bans, address(5), 1)).toBe(true);
  expect(isBanned(bans, "9.9.9.9", 1)).toBe(true);
});

test("beyond 4,096 bans by command the next is refused until one is over or lifted", () => {
  const bans = new Bans();
  for (let number = 0; number < mostCommandedBans; number++)
    bans.command(`10.0.${number >> 8}.${number & 255}`, number === 0 ? second : hour, 0);
  expect(() => bans.command("11.0.0.1", hour, 0)).toThrow(expect.objectContaining({ code: "BANS_FULL" }));
  expect(bans.command("10.0.0.1", 2 * hour, 0).untilMs).toBe(2 * hour);
  expect(bans.command("11.0.0.1", hour, second).network).toBe("11.0.0.1");
  expect(bans.list(second)).toHaveLength(mostCommandedBans);
});

test("whatever is banned and lifted, an address is banned just if a ban in the list covers it", () => {
  for (let seed = 1; seed <= 5; seed++) {
    const below = mulberry32(seed);
    const bans = new Bans();
    const address = () => `10.${below(2)}.${below(2)}.${below(4)}`;
    const network = () => `${address()}/${[8, 16, 24, 31, 32][below(5)]}`;
    let nowMs = 0;
    for (let round = 0; round < 400; round++) {
      nowMs += below(10_000);
      const acts = [
        () => bans.ban(address(), "malformed-line", nowMs),
        () => bans.command(network(), 1 + below(60_000), nowMs),
        () => bans.lift(below(20) === 0 ? undefined : network(), nowMs),
        () => bans.sweep(nowMs),
      ];
      acts[below(acts.length)]!();
      const who = address();
      const octets = who.split(".");
      const covering = bans.list(nowMs).filter(({ network: name }) => {
        const [base, length = "32"] = name.split("/");
        const bits = (parts: string[]) =>
          parts.map((part) => Number(part).toString(2).padStart(8, "0")).join("");
        return bits(base!.split(".")).slice(0, Number(length)) === bits(octets).slice(0, Number(length));
      });
      expect(isBanned(bans, who, nowMs)).toBe(covering.length > 0);
    }
  }
});
