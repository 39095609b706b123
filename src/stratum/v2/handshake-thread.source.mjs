// The handshake thread when the program runs from source: threads do not inherit the TypeScript loader. What is built
// starts handshake-thread.js itself.
import { register } from "tsx/esm/api";

register();
await import("./handshake-thread.ts");
