import { parseAddress } from "../bitcoin/address.ts";
import type { Checked } from "./check.ts";
import { millionthsOfPercent } from "./derive.ts";
import { printListen } from "./endpoints.ts";
import type { PathPart } from "./faults.ts";
import type { Config } from "./schema.ts";

type Report = (path: readonly PathPart[], message: string) => void;
/** A value that could not be read is undefined and was reported already: rules skip it. */
type Draft = Checked<Config>;

/** What no single setting can know: how settings must fit together. */
export function checkRules(draft: Draft, report: Report): void {
  for (const rule of rules) rule(draft, report);
}

const rules: readonly ((draft: Draft, report: Report) => void)[] = [
  poolIsPaidOnItsChain,
  splitLeavesSomething,
  everyNodeHasOneLogin,
  nodesAreDistinct,
  difficultiesAreInOrder,
  certificateHasItsKey,
  alarmComesBeforeRefusal,
  portsAreDistinct,
  onlyWhatThisVersionDoes,
];

function poolIsPaidOnItsChain({ chain, pool }: Draft, report: Report): void {
  if (chain === undefined) return;
  const addresses = [
    { path: ["pool", "address"], text: pool?.address },
    ...(pool?.split ?? []).map((entry, index) => ({
      path: ["pool", "split", index, "address"],
      text: entry?.address,
    })),
  ];
  const seen = new Set<string>();
  for (const { path, text } of addresses) {
    if (text === undefined) continue;
    const parsed = parseAddress(text, chain);
    if (!parsed.ok) report(path, `${JSON.stringify(text)} cannot be paid: ${parsed.sentence}`);
    else if (seen.has(parsed.address)) report(path, "is listed twice; add its parts up");
    else seen.add(parsed.address);
  }
}

function splitLeavesSomething({ pool }: Draft, report: Report): void {
  const millionths = (pool?.split ?? []).reduce(
    (sum, entry) => sum + millionthsOfPercent(entry?.percent ?? 0),
    0,
  );
  if (millionths < 1_000_000) return;
  report(["pool", "split"], `hands out ${millionths / 10_000} percent; leave something for pool.address`);
}

function everyNodeHasOneLogin({ nodes }: Draft, report: Report): void {
  for (const [index, node] of (nodes ?? []).entries()) {
    if (node?.user === undefined || node.password === undefined || node.cookieFile === undefined) continue;
    const path = ["nodes", index];
    const named = node.user !== null || node.password !== null;
    if (named && node.cookieFile !== null) {
      report([...path, "cookieFile"], "stands beside user or password; keep one kind of login");
    } else if (named && (node.user === null || node.password === null)) {
      report(
        [...path, node.user === null ? "user" : "password"],
        "is missing; user and password go together",
      );
    } else if (!named && node.cookieFile === null) {
      report(path, "has no login; give user and password, or cookieFile");
    }
  }
}

function nodesAreDistinct({ nodes }: Draft, report: Report): void {
  const urls = (nodes ?? []).map((node) => node?.rpc);
  for (const [index, url] of urls.entries()) {
    if (url !== undefined && urls.indexOf(url) < index) report(["nodes", index, "rpc"], "is listed twice");
  }
}

function difficultiesAreInOrder({ stratum }: Draft, report: Report): void {
  const common = stratum?.difficulty;
  orderedDifficulty(common, ["stratum", "difficulty"], report);
  for (const [index, listener] of (stratum?.listeners ?? []).entries()) {
    const own = listener?.difficulty;
    if (own === undefined) continue;
    const effective = {
      start: own.start ?? common?.start,
      min: own.min ?? common?.min,
      max: own.max ?? common?.max,
    };
    orderedDifficulty(effective, ["stratum", "listeners", index, "difficulty"], report);
  }
}

function orderedDifficulty(
  bounds: { readonly [key in "start" | "min" | "max"]?: number | undefined } | undefined,
  path: readonly PathPart[],
  report: Report,
): void {
  const { start, min, max } = bounds ?? {};
  if (min !== undefined && max !== undefined && min > max) {
    report([...path, "min"], `is ${min}, above max (${max})`);
  } else if (start !== undefined && min !== undefined && start < min) {
    report([...path, "start"], `is ${start}, below min (${min})`);
  } else if (start !== undefined && max !== undefined && start > max) {
    report([...path, "start"], `is ${start}, above max (${max})`);
  }
}

function certificateHasItsKey({ stratum }: Draft, report: Report): void {
  const { certificateFile, keyFile } = stratum?.tls ?? {};
  if (certificateFile === undefined || keyFile === undefined) return;
  if ((certificateFile === null) === (keyFile === null)) return;
  report(
    ["stratum", "tls", certificateFile === null ? "certificateFile" : "keyFile"],
    "is missing; certificate and key go together",
  );
}

function alarmComesBeforeRefusal({ journal }: Draft, report: Report): void {
  const { alarmFreeMegabytes: alarm, refuseFreeMegabytes: refuse } = journal ?? {};
  if (alarm === undefined || refuse === undefined || refuse < alarm) return;
  report(
    ["journal", "refuseFreeMegabytes"],
    `is ${refuse}, not below alarmFreeMegabytes (${alarm}): there would be no warning`,
  );
}

function portsAreDistinct({ stratum, http }: Draft, report: Report): void {
  const listeners = (stratum?.listen ?? []).map((address, index) => ({
    path: ["stratum", "listen", index],
    address,
  }));
  const others = (stratum?.listeners ?? []).map((listener, index) => ({
    path: ["stratum", "listeners", index, "listen"],
    address: listener?.listen,
  }));
  const seen = new Set<string>();
  for (const { path, address } of [
    ...listeners,
    ...others,
    { path: ["http", "listen"], address: http?.listen },
  ]) {
    if (address?.host === undefined || address.port === undefined || address.port === 0) continue;
    const name = printListen({ host: address.host, port: address.port });
    if (seen.has(name)) report(path, `${name} is used twice`);
    seen.add(name);
  }
}

function onlyWhatThisVersionDoes({ redis }: Draft, report: Report): void {
  if (redis?.url !== undefined && redis.url !== null) {
    report(["redis", "url"], "many front ends are not available in this version; leave it null");
  }
}
