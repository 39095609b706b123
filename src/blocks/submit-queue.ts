const firstRetryMs = 250;
const maxRetryMs = 5_000;
/** On a chain where every hash is a block, hundreds wait: a node is given few at a time. */
const maxActive = 4;

/** What waits to be sent to one node. */
export interface SubmitQueue<T> {
  push(entry: T, attempt: number): void;
  /** After a pause that grows with the attempts. */
  later(entry: T, attempt: number): void;
  close(): void;
}

export function createSubmitQueue<T>(run: (entry: T, attempt: number) => Promise<void>): SubmitQueue<T> {
  const waiting: { entry: T; attempt: number }[] = [];
  const timers = new Set<NodeJS.Timeout>();
  let active = 0;
  const pump = () => {
    while (active < maxActive && waiting.length > 0) {
      // A block that was never sent goes before those that are sent again.
      const fresh = waiting.findIndex(({ attempt }) => attempt === 0);
      const [next] = waiting.splice(Math.max(fresh, 0), 1);
      active++;
      void run(next!.entry, next!.attempt).finally(() => {
        active--;
        pump();
      });
    }
  };
  const push = (entry: T, attempt: number) => {
    waiting.push({ entry, attempt });
    pump();
  };
  return {
    push,
    later(entry, attempt) {
      const delayMs = Math.min(firstRetryMs * 2 ** (attempt - 1), maxRetryMs);
      const timer = setTimeout(() => {
        timers.delete(timer);
        push(entry, attempt);
      }, delayMs);
      timers.add(timer);
    },
    close() {
      for (const timer of timers) clearTimeout(timer);
      waiting.length = 0;
    },
  };
}
