export { type FollowOptions, type NewTemplate, type TemplateMetrics, Templates } from "./follow.ts";
export type { Template, TemplateTransactions } from "./template.ts";
