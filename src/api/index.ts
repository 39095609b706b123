export { type Api, type ApiOptions, type Readiness, startApi } from "./server.ts";
