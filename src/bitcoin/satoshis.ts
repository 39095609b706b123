/** Splitting whole satoshi without losing or making one. */
import { PoolError } from "../errors.ts";

/**
 * Splits `total` in proportion to `weights` by largest remainder: each part is its exact share rounded down, and the
 * satoshi that are left go one each to the largest remainders; equal remainders are served in the order of the list.
 * The parts sum to `total` exactly, each differs from its exact share by less than one, and a weight of zero gets zero.
 * @throws PoolError APPORTION_IMPOSSIBLE for negative numbers, or a total above zero without any weight.
 */
export function apportion(total: bigint, weights: readonly bigint[]): bigint[] {
  const sum = weights.reduce((left, right) => left + right, 0n);
  if (total < 0n || weights.some((weight) => weight < 0n)) throw impossible("a negative amount or weight");
  if (total === 0n) return weights.map(() => 0n);
  if (sum === 0n) throw impossible(`${total} satoshi and no weight to give them to`);

  const parts = weights.map((weight) => (total * weight) / sum);
  const left = total - parts.reduce((sumSoFar, part) => sumSoFar + part, 0n);
  for (const index of byRemainder(total, weights, sum).slice(0, Number(left))) parts[index]! += 1n;
  return parts;
}

/** Indices from the largest remainder down; fewer satoshi are left than there are remainders above zero. */
function byRemainder(total: bigint, weights: readonly bigint[], sum: bigint): number[] {
  const remainders = weights.map((weight) => (total * weight) % sum);
  return remainders
    .map((_, index) => index)
    .sort((a, b) => {
      const [left, right] = [remainders[a]!, remainders[b]!];
      return left === right ? a - b : left > right ? -1 : 1;
    });
}

function impossible(detail: string): PoolError {
  return new PoolError(
    "APPORTION_IMPOSSIBLE",
    `Cannot split an amount: ${detail}.`,
    "This is a bug; please report it.",
  );
}
