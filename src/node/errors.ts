import { PoolError } from "../errors.ts";

/**
 * How a node can fail a call. All but `rpc-error` say something about the node itself; `rpc-error` is an answer of a
 * working node that this call cannot be served (`rpcCode` says why).
 */
export type NodeFault =
  | "refused"
  | "disconnected"
  | "timeout"
  | "unauthorized"
  | "http-error"
  | "malformed"
  | "warming-up"
  | "initial-download"
  | "no-peers"
  | "wrong-chain"
  | "rpc-error";

const codes: Record<NodeFault, string> = {
  refused: "NODE_REFUSED",
  disconnected: "NODE_DISCONNECTED",
  timeout: "NODE_TIMEOUT",
  unauthorized: "NODE_UNAUTHORIZED",
  "http-error": "NODE_HTTP_ERROR",
  malformed: "NODE_MALFORMED",
  "warming-up": "NODE_WARMING_UP",
  "initial-download": "NODE_INITIAL_DOWNLOAD",
  "no-peers": "NODE_NO_PEERS",
  "wrong-chain": "NODE_WRONG_CHAIN",
  "rpc-error": "NODE_RPC_ERROR",
};

const hints: Record<NodeFault, string> = {
  refused: "Start bitcoind, or correct host and port in nodes[].rpc.",
  disconnected: "The node stopped or restarted; see its debug.log. The call is tried again.",
  timeout: "The node hangs or is overloaded; see its debug.log, its disk and its rpcthreads.",
  unauthorized: "Check nodes[].user and nodes[].password, or that this process may read nodes[].cookieFile.",
  "http-error": "See the node's debug.log; raise its rpcworkqueue if it says that the queue is full.",
  malformed: "Check that nodes[].rpc is the RPC port of Bitcoin Core or Knots 27 or newer.",
  "warming-up": "Wait: the node is loading its block index.",
  "initial-download": "Wait until the node has synchronised with the network.",
  "no-peers": "Give the node a connection to the Bitcoin network.",
  "wrong-chain": "Set `chain` to the node's chain, or point nodes[].rpc at a node of that chain.",
  "rpc-error": "See the node's debug.log.",
};

export interface NodeErrorOptions extends ErrorOptions {
  readonly rpcCode?: number | undefined;
}

/** A failed call; `code` is NODE_ and the fault. Messages never hold credentials. */
export class NodeError extends PoolError {
  readonly fault: NodeFault;
  /** bitcoind's own code (src/rpc/protocol.h), where it gave one. */
  readonly rpcCode: number | undefined;

  constructor(fault: NodeFault, message: string, options: NodeErrorOptions = {}) {
    super(codes[fault], message, hints[fault], options);
    this.fault = fault;
    this.rpcCode = options.rpcCode;
  }
}

/** The fault that bitcoind's own error codes stand for (src/rpc/protocol.h). */
export function faultOfRpcCode(rpcCode: number): NodeFault {
  switch (rpcCode) {
    case -28:
      return "warming-up";
    case -10:
      return "initial-download";
    case -9:
      return "no-peers";
    default:
      return "rpc-error";
  }
}
