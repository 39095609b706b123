import { expect, test } from "vitest";
import type { Channel } from "../../../../src/stratum/channel.ts";
import { ChannelList } from "../../../../src/stratum/v2/channel-list.ts";

const core = { extranonce1: 0x01020304 } as Channel;
const usual = { isWide: false, miner: { account: "a", worker: "" }, coinbaseBytes: 0, core };

function open(list: ChannelList, changes: { kind?: "standard" | "extended"; isWide?: boolean } = {}) {
  return list.open({ kind: "extended", ...usual, ...changes }, 1);
}

test("channels and groups have ids from one count, which none shares", () => {
  const list = new ChannelList();
  const channels = [open(list), open(list, { kind: "standard" }), open(list, { isWide: true })];
  const ids = [...channels.map(({ id }) => id), ...[...list.groups].map(({ id }) => id)];
  expect(ids.sort()).toEqual([1, 2, 3, 4, 5]);
});

test("a group has the channels with extranonces of one length", () => {
  const list = new ChannelList();
  const [extended, standard, wide] = [
    open(list),
    open(list, { kind: "standard" }),
    open(list, { isWide: true }),
  ];
  expect(standard.group).toBe(extended.group);
  expect(wide.group).not.toBe(extended.group);
  const length = ({ extranoncePrefix, extranonceSize }: typeof wide) =>
    extranoncePrefix.length + extranonceSize;
  expect([length(extended), length(standard), length(wide)]).toEqual([12, 12, 20]);
  expect(standard.extranoncePrefix.toString("hex")).toBe("010203040000000000000000");
});

test("an id closes its channel, or all channels of its group; another closes none", () => {
  const list = new ChannelList();
  const [one, two, wide] = [open(list), open(list), open(list, { isWide: true })];
  expect(list.close(77)).toEqual([]);
  expect(list.close(one.id)).toEqual([one]);
  expect(list.close(one.id)).toEqual([]);
  expect(list.close(two.group.id)).toEqual([two]);
  expect(list.first).toBe(wide);
  expect(list.closeAll()).toEqual([wide]);
  expect(list.size).toBe(0);
});
