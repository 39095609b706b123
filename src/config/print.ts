import { stringify } from "yaml";
import { passwordsOf } from "./endpoints.ts";
import type { Config } from "./schema.ts";
import { schema } from "./schema.ts";
import type { SettingNode } from "./setting.ts";

/** The effective settings as YAML, defaults included, secrets left out. */
export function printConfig(config: Config): string {
  return stringify(printed(schema, config), { lineWidth: 0 });
}

function printed(node: SettingNode, value: unknown): unknown {
  switch (node.node) {
    case "leaf":
      return node.print(value);
    case "list":
      return (value as readonly unknown[]).map((item) => printed(node.item, item));
    case "group": {
      const values = value as Record<string, unknown>;
      return Object.fromEntries(
        Object.entries(node.fields).map(([key, field]) => [key, printed(field, values[key])]),
      );
    }
  }
}

/** What must never be seen in a log line. */
export function secretsOf(config: Config): readonly string[] {
  const passwords = config.nodes.flatMap(({ password }) => (password === null ? [] : [password]));
  return [...passwords, ...passwordsOf(config.database.url), ...passwordsOf(config.redis.url ?? "")];
}
