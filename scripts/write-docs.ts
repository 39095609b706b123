/** Writes the pages that are made of the source. `npm test` fails while one of them is out of date. */
import { mkdirSync, writeFileSync } from "node:fs";
import { dirname, resolve } from "node:path";
import { configurationReference, exampleFile } from "./docs/configuration.ts";
import { errorsReference } from "./docs/errors.ts";
import { firmwareReference } from "./docs/firmware.ts";
import { metricsReference } from "./docs/metrics.ts";

export const pages: readonly { readonly file: string; readonly text: () => string }[] = [
  { file: "docs/configuration.md", text: configurationReference },
  { file: "config/penstock.example.yaml", text: exampleFile },
  { file: "docs/firmware.md", text: firmwareReference },
  { file: "docs/metrics.md", text: metricsReference },
  { file: "docs/errors.md", text: errorsReference },
];

if (process.argv[1] === import.meta.filename) {
  for (const { file, text } of pages) {
    const path = resolve(import.meta.dirname, "..", file);
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, text());
    console.log(`wrote ${file}`);
  }
}
