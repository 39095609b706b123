/**
 * client.reconnect [] or [host, port, seconds to wait], to clients. A hint: some clients ignore it, some its parameters,
 * and most follow it only within their pool's domain.
 */
export interface Reconnect {
  readonly host: string;
  readonly port: number;
  readonly waitSeconds: number;
}

/** @param elsewhere where to; undefined for the same address, at once. */
export function encodeReconnect(elsewhere?: Reconnect): string {
  const params =
    elsewhere === undefined
      ? ""
      : `${JSON.stringify(elsewhere.host)},${elsewhere.port},${elsewhere.waitSeconds}`;
  return `{"id":null,"method":"client.reconnect","params":[${params}]}\n`;
}
