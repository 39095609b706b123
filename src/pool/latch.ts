/** A promise that somebody else settles, once. */
export interface Latch<T> {
  readonly value: Promise<T>;
  now(value: T): void;
}

export function latch<T>(): Latch<T> {
  let settle: (value: T) => void = () => {};
  const value = new Promise<T>((resolve) => {
    settle = resolve;
  });
  return { value, now: (result) => settle(result) };
}
