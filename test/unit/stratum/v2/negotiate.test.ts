import { beforeEach, expect, test } from "vitest";
import { requestExtensions } from "../../../../src/protocol/v2/extensions.ts";
import { FrameClient } from "../../../support/frame-client.ts";
import { aV2Pool, portOf } from "../../../support/v2-pool.ts";

let client: FrameClient;

beforeEach(async () => {
  client = await FrameClient.setUp(portOf(await aV2Pool()));
});

function request(requestedExtensions: readonly number[]): Buffer {
  return requestExtensions.encode({ requestId: 513, requestedExtensions });
}

test.each([
  [[2], [2]],
  [[2, 3, 2], [2]],
  [[0xffff, 2], [2]],
  [[1, 2], [2]],
  [[1], []],
  [[], []],
])("of the extensions %j, %j are agreed on", async (requested, supportedExtensions) => {
  expect(await client.request(request(requested), "RequestExtensions.Success")).toEqual({
    requestId: 513,
    supportedExtensions,
  });
});

test("of extensions that are all unknown none is agreed on, none is required, and the connection goes on", async () => {
  expect(await client.request(request([3, 4, 3]), "RequestExtensions.Error")).toEqual({
    requestId: 513,
    unsupportedExtensions: [3, 4],
    requiredExtensions: [],
  });
  await client.request(request([2]), "RequestExtensions.Success");
});
