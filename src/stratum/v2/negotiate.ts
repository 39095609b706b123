/** RequestExtensions (extension 0x0001): which extensions a connection may use. */
import {
  negotiationExtension,
  type RequestExtensions,
  requestExtensionsError,
  requestExtensionsSuccess,
} from "../../protocol/v2/extensions.ts";
import { workerTrackingExtension } from "../../protocol/v2/worker-tracking.ts";

const supported: readonly number[] = [workerTrackingExtension];

export interface Negotiation {
  /** A whole frame. */
  readonly answer: Buffer;
  readonly agreed: readonly number[];
}

/**
 * What was agreed on before holds no longer: the last request counts. Nothing is required of clients. Who asks for
 * nothing is told that nothing was agreed on.
 */
export function negotiate({ requestId, requestedExtensions }: RequestExtensions): Negotiation {
  // Who speaks this extension has it.
  const requested = [...new Set(requestedExtensions)].filter((one) => one !== negotiationExtension);
  const agreed = requested.filter((extension) => supported.includes(extension));
  const isRefused = agreed.length === 0 && requested.length > 0;
  const answer = isRefused
    ? requestExtensionsError.encode({ requestId, unsupportedExtensions: requested, requiredExtensions: [] })
    : requestExtensionsSuccess.encode({ requestId, supportedExtensions: agreed });
  return { answer, agreed };
}
