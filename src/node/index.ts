export type { Tip } from "./answers.ts";
export { NodeError, type NodeFault } from "./errors.ts";
export {
  type NewTip,
  Nodes,
  type NodesEvents,
  type NodesMetrics,
  type NodesOptions,
  type TemplateAnswer,
} from "./nodes.ts";
export { type NodeRpc, openRpc, type RpcOptions } from "./rpc.ts";
export type { SubmitAnswer } from "./submit-answer.ts";
export { type NodeOptions, type NodeState, type TipSource, WatchedNode } from "./watched-node.ts";
