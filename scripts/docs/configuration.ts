// biome-ignore-all lint/suspicious/noTemplateCurlyInString: `${NAME}` is what configuration files hold
/** docs/configuration.md and config/penstock.example.yaml, made of the one schema. */
import { stringify } from "yaml";
import { environmentVariables } from "../../src/config/environment.ts";
import { schema } from "../../src/config/schema.ts";
import type { Fields, Leaf, List, SettingNode } from "../../src/config/setting.ts";

export const writtenBy = "Written by `npx tsx scripts/write-docs.ts`; change src/, not this file.";

export function configurationReference(): string {
  const sections = Object.entries(schema.fields).filter(([, field]) => field.node !== "leaf");
  const single = Object.entries(schema.fields).filter(([, field]) => field.node === "leaf");
  return [
    "# Configuration",
    "",
    `<!-- ${writtenBy} -->`,
    "",
    "One YAML file, `penstock.yaml` unless said otherwise. All settings but `chain`, `nodes` and `pool.address` have a",
    "default. `penstock config check FILE` names every fault at once, prints the effective settings, who is paid and what each port is.",
    "[config/penstock.example.yaml](../config/penstock.example.yaml) has every setting with its default.",
    "",
    "- `${NAME}` anywhere in a value is filled in from the environment; a missing variable is a fault. `$${` stands for",
    "  a literal `${`.",
    "- Relative paths start at the folder of the configuration file.",
    "- Settings are read once, at start.",
    "",
    "## At the top",
    "",
    ...table(single.flatMap(([key, field]) => rowsOf(key, field))),
    ...sections.flatMap(([key, field]) => [
      "",
      `## ${key}`,
      "",
      field.about,
      "",
      ...table(below(key, field)),
    ]),
    "",
    "## Environment",
    "",
    "| variable | meaning |",
    "|---|---|",
    ...environmentVariables.map(({ name, about }) => `| \`${name}\` | ${about} |`),
    "",
  ].join("\n");
}

function table(rows: readonly string[]): string[] {
  return ["| setting | default | unit | accepted | meaning |", "|---|---|---|---|---|", ...rows];
}

function below(path: string, node: SettingNode): string[] {
  if (node.node === "group") return rowsOfFields(path, node.fields);
  return node.node === "list" ? rowsOf(path, node) : [];
}

function rowsOfFields(path: string, fields: Fields): string[] {
  return Object.entries(fields).flatMap(([key, field]) => rowsOf(`${path}.${key}`, field));
}

function rowsOf(path: string, node: SettingNode): string[] {
  switch (node.node) {
    case "leaf":
      return [row(path, node, node.unit ?? "", node.expects)];
    case "group":
      return rowsOfFields(path, node.fields);
    case "list": {
      const { item } = node;
      const accepted = `list of ${node.minItems} to ${node.maxItems}`;
      if (item.node === "leaf") return [row(path, node, item.unit ?? "", `${accepted}: ${item.expects}`)];
      const inner = item.node === "group" ? rowsOfFields(`${path}[]`, item.fields) : [];
      return [row(path, node, "", accepted), ...inner];
    }
  }
}

function row(path: string, node: Leaf<unknown> | List<SettingNode>, unit: string, accepted: string): string {
  return `| \`${path}\` | ${defaultText(node)} | ${unit} | ${accepted} | ${node.about} |`;
}

function defaultText({ fallback }: Leaf<unknown> | List<SettingNode>): string {
  if (fallback === undefined) return "**required**";
  if ("inDataDirectory" in fallback) return `\`<dataDirectory>/${fallback.inDataDirectory}\``;
  return `\`${typeof fallback.written === "string" ? fallback.written : JSON.stringify(fallback.written)}\``;
}

/** What has no default, as an operator would begin. The address is none, so that nobody mines to a stranger. */
const required: Readonly<Record<string, unknown>> = {
  chain: "mainnet",
  "nodes[].rpc": "http://127.0.0.1:8332",
  "nodes[].user": "pool",
  "nodes[].password": "$" + "{NODE_PASSWORD}",
  "nodes[].zmq": "tcp://127.0.0.1:28332",
  "pool.address": "YOUR-ADDRESS-HERE",
};

export function exampleFile(): string {
  return [
    "# Penstock's settings, each with its default. Only chain, nodes and pool.address have none.",
    `# ${writtenBy}`,
    "# Check it: penstock config check FILE",
    "",
    ...exampleOfFields("", schema.fields, ""),
  ].join("\n");
}

function exampleOfFields(path: string, fields: Fields, indent: string): string[] {
  return Object.entries(fields).flatMap(([key, field]) => {
    const lines = exampleOf(path === "" ? key : `${path}.${key}`, key, field, indent);
    return indent === "" ? [...lines, ""] : lines;
  });
}

function exampleOf(path: string, key: string, node: SettingNode, indent: string): string[] {
  const comment = `${indent}# ${node.about}`;
  switch (node.node) {
    case "leaf":
      return [
        `${comment}${node.unit === undefined ? "" : ` [${node.unit}]`}`,
        `${indent}${key}: ${valueText(path, node)}`,
      ];
    case "group":
      return [comment, `${indent}${key}:`, ...exampleOfFields(path, node.fields, `${indent}  `)];
    case "list": {
      const { fallback, item } = node;
      if (fallback !== undefined) return [comment, `${indent}${key}: ${valueText(path, node)}`];
      if (item.node !== "group")
        throw new TypeError(`${path}: a required list of plain values has no example yet`);
      const [first, second, ...rest] = exampleOfFields(`${path}[]`, item.fields, `${indent}    `);
      const opened = [first!, second!.replace(/^( *) {2}/, "$1- ")];
      return [comment, `${indent}${key}:`, ...opened, ...rest];
    }
  }
}

function valueText(path: string, { fallback }: Leaf<unknown> | List<SettingNode>): string {
  if (Object.hasOwn(required, path)) return stringify(required[path]).trim();
  if (fallback === undefined) throw new TypeError(`${path} has no default and no example`);
  const value = "written" in fallback ? fallback.written : `./data/${fallback.inDataDirectory}`;
  return stringify(value, { collectionStyle: "flow" }).trim();
}
