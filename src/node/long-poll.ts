import { readTemplateHead } from "./answers.ts";
import type { WatchedNode } from "./watched-node.ts";

export interface LongPollOptions {
  readonly node: WatchedNode;
  /** getblocktemplate's client rules. */
  readonly rules: readonly string[];
  /** An answer of getblocktemplate, unchecked; after the node's tip was noted. */
  readonly onTemplate: (answer: unknown) => void;
}

export interface LongPoll {
  /** Asks, or goes on asking, while `wanted`. One question is ever open: bitcoind gives a thread to each. */
  want(wanted: boolean): void;
  close(): void;
}

/**
 * BIP 22's long poll: bitcoind answers when the tip changes, or about every minute while new transactions come in; on a
 * quiet chain it may take hours. A question is not given up when another node is preferred, since bitcoind would keep
 * its thread waiting until the next block all the same.
 */
export function openLongPoll({ node, rules, onTemplate }: LongPollOptions): LongPoll {
  let wanted = false;
  let running = false;
  const run = async () => {
    let longpollid: string | undefined;
    while (wanted && node.usable) {
      const request = longpollid === undefined ? { rules } : { rules, longpollid };
      const answer = await node.callPatiently("getblocktemplate", [request]);
      const head = readTemplateHead(node.name, answer);
      longpollid = head.longpollid;
      await node.noteTip(head.previousblockhash, "longpoll");
      onTemplate(answer);
    }
  };
  const start = () => {
    if (running || !wanted || !node.usable) return;
    running = true;
    run()
      .catch((error: unknown) => node.noteFailure(error))
      .finally(() => {
        running = false;
      });
  };
  return {
    want(now) {
      wanted = now;
      start();
    },
    close() {
      wanted = false;
    },
  };
}
