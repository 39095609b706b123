/**
 * `npm run bench:kernels`: every SHA-256 kernel that this processor can run, beside OpenSSL as Node.js offers it
 * (`node:crypto`) and beside the portable kernel, in the same run. Kernels are timed by a program of their own, so that no
 * crossing from JavaScript is in their figures; OpenSSL's are what a JavaScript program pays.
 */
import { hash, randomBytes } from "node:crypto";
import { type KernelTimes, measureKernels, time } from "./kernel-times.ts";
import { table } from "./table.ts";

const transactions = 5_000;
const sha256 = (data: Uint8Array) => hash("sha256", data, "buffer");
const sha256d = (data: Uint8Array) => sha256(sha256(data));

const kernels = await measureKernels();
const portable = kernels.at(-1)!;
const txids = randomBytes((transactions - 1) * 32);
const openssl = {
  double64: time(() => sha256d(txids.subarray(0, 64))),
  double80: time(() => sha256d(txids.subarray(0, 80))),
  /** Of 160 kB, so that the call does not count. */
  compress: (time(() => sha256(txids)) * 64) / txids.length,
  branch5000: time(() => branchOf(txids)),
};

const ratio = (slow: number, fast: number) => `${(slow / fast).toFixed(2)}×`;

console.log("\nDouble SHA-256 of a header of 80 bytes, one at a time\n");
printDoubles(80, openssl.double80, ({ double80 }) => double80["1"]!);
console.log("\nDouble SHA-256 of 80 bytes, 16 headers at once\n");
printDoubles(80, openssl.double80, ({ double80 }) => double80["16"]!);
console.log("\nDouble SHA-256 of 64 bytes, 1,024 at once: merkle steps\n");
printDoubles(64, openssl.double64, ({ double64 }) => double64["1024"]!);

console.log("\nOne compression (64 bytes), in ns\n");
const compressions = kernels.map((kernel) => [
  kernel.name,
  kernel.compress.toFixed(1),
  (kernel.double64["1024"]! / 3).toFixed(1),
  (kernel.scan / 2).toFixed(1),
  ratio(openssl.compress, kernel.compress),
]);
console.log(
  table(
    ["kernel", "long message", "merkle steps", "nonces", "OpenSSL's long message"],
    [["OpenSSL", openssl.compress.toFixed(1), "–", "–", ratio(1, 1)], ...compressions],
  ),
);

console.log("\nTemplate of 5,000 transactions, in µs\n");
console.log(
  table(
    ["kernel", "merkle branch", "branch and root", "node:crypto's branch"],
    [
      ["node:crypto", (openssl.branch5000 / 1e3).toFixed(0), "–", ratio(1, 1)],
      ...kernels.map(({ name, branch5000, root5000 }) => [
        name,
        (branch5000 / 1e3).toFixed(0),
        (root5000 / 1e3).toFixed(0),
        ratio(openssl.branch5000, branch5000),
      ]),
    ],
  ),
);

console.log(
  "\nHashing of one share (coinbase of 250 bytes, 12 branches, header), by shares side by side, in µs\n",
);
const sideBySide = ["1", "2", "4", "8", "16"];
console.log(
  table(
    ["kernel", ...sideBySide],
    kernels.map(({ name, shares }) => [
      name,
      ...sideBySide.map((count) => (shares[count]! / 1e3).toFixed(2)),
    ]),
  ),
);

function printDoubles(bytes: number, opensslTime: number, of: (kernel: KernelTimes) => number): void {
  const row = (name: string, nanoseconds: number) => [
    name,
    nanoseconds.toFixed(0),
    (bytes / nanoseconds).toFixed(2),
    ratio(opensslTime, nanoseconds),
    ratio(of(portable), nanoseconds),
  ];
  const rows = [row("node:crypto", opensslTime), ...kernels.map((kernel) => row(kernel.name, of(kernel)))];
  console.log(table(["kernel", "ns", "GB/s", "to OpenSSL", "to portable"], rows));
}

/** As merkleBranch does it, with node:crypto. */
function branchOf(others: Buffer): Buffer[] {
  const branch: Buffer[] = [];
  let level = others;
  while (level.length > 0) {
    branch.push(level.subarray(0, 32));
    const paired = level.length % 64 === 0 ? Buffer.concat([level, level.subarray(-32)]) : level;
    const next = Buffer.allocUnsafe((paired.length - 32) / 2);
    for (let at = 32; at < paired.length; at += 64) {
      next.set(sha256d(paired.subarray(at, at + 64)), (at - 32) / 2);
    }
    level = next;
  }
  return branch;
}
