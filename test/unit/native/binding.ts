import { buildNative } from "../../../scripts/build-native.mjs";
import { loadBinding, type NativeBinding } from "../../../src/native/index.ts";

/** The addon as its sources are now: built if need be, so that no test judges yesterday's code. */
export async function currentBinding(): Promise<NativeBinding> {
  await buildNative({ log: () => {} });
  return loadBinding();
}
