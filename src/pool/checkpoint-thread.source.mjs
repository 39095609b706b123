// The checkpoint thread when the program runs from source: threads do not inherit the TypeScript loader. What is built
// starts checkpoint-thread.js itself.
import { register } from "tsx/esm/api";

register();
await import("./checkpoint-thread.ts");
