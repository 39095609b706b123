import { readFileSync } from "node:fs";

/** The statement in sql/NAME.sql; read once, when the module that runs it is loaded. */
export function statement(name: string): string {
  return readFileSync(new URL(`./sql/${name}.sql`, import.meta.url), "utf8");
}
