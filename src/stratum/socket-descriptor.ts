import type { Socket } from "node:net";

/** Node keeps a socket's descriptor on its handle, which no public interface shows. */
interface WithHandle {
  readonly _handle?: { readonly fd?: number; readStop?(): void } | null;
}

/** Whether the socket still has the descriptor that it had: it loses it the moment it is destroyed, by whomever. */
export function hasDescriptor(socket: Socket): boolean {
  return (socket as unknown as WithHandle)._handle != null;
}

/** The descriptor of an open TCP socket; -1 when it has none (any more), or where Node does not tell. */
export function descriptorOf(socket: Socket): number {
  return (socket as unknown as WithHandle)._handle?.fd ?? -1;
}

/** Leaves what comes from now on in the kernel, for whoever takes the descriptor over; a paused stream reads ahead. */
export function stopReading(socket: Socket): void {
  (socket as unknown as WithHandle)._handle?.readStop?.();
}
