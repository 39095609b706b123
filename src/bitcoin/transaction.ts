import { ByteReader } from "./bytes.ts";

/**
 * Cuts transactions that stand back to back, as in a block (BIP 144), without reading what is in them.
 * @returns views, not copies.
 * @throws PoolError BYTES_MALFORMED if the bytes do not end with a transaction.
 */
export function splitTransactions(data: Uint8Array): Uint8Array[] {
  const reader = new ByteReader(data);
  const transactions: Uint8Array[] = [];
  while (reader.remaining > 0) {
    const start = reader.offset;
    skipTransaction(reader);
    transactions.push(reader.since(start));
  }
  return transactions;
}

const outpointBytes = 36;
const leastInputBytes = outpointBytes + 1 + 4;
const leastOutputBytes = 8 + 1;

function skipTransaction(reader: ByteReader): void {
  reader.u32();
  // BIP 144: where the count of inputs would be zero, a marker and a flag stand instead.
  const hasWitness = reader.peek() === 0;
  if (hasWitness) reader.take(2);
  const inputs = reader.count(leastInputBytes);
  for (let i = 0; i < inputs; i++) {
    reader.take(outpointBytes);
    reader.varbytes();
    reader.u32();
  }
  for (let outputs = reader.count(leastOutputBytes); outputs > 0; outputs--) {
    reader.u64();
    reader.varbytes();
  }
  if (hasWitness) {
    for (let i = 0; i < inputs; i++) for (let items = reader.count(1); items > 0; items--) reader.varbytes();
  }
  reader.u32();
}
