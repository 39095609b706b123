import type { Network } from "./port.ts";

/** Bounds that keep one peer from costing the others anything; each is a setting with a default. */
export interface StratumLimits {
  /** Open connections of this process; undefined: its descriptor limit less a reserve of 128. */
  readonly connections: number | undefined;
  /** Open connections of one IPv4 address or one IPv6 /64 network. */
  readonly connectionsPerAddress: number;
  readonly newConnectionsPerAddressPerSecond: number;
  /** Open connections of one IPv4 /24 or one IPv6 /48 network. */
  readonly connectionsPerSubnet: number;
  readonly newConnectionsPerSubnetPerSecond: number;
  /** Until it is known what a connection speaks: PROXY header, TLS handshake, first byte. */
  readonly greetingSeconds: number;
  readonly lineBytes: number;
  readonly jsonDepth: number;
  /** Bytes that may wait for a client that reads too slowly. */
  readonly queuedBytes: number;
  readonly subscribeSeconds: number;
  readonly authorizeSeconds: number;
  /** Stratum V2: from the start until the handshake is done. */
  readonly handshakeSeconds: number;
  /** Stratum V2: from the handshake until SetupConnection. */
  readonly setupSeconds: number;
  /** Stratum V2: without an open channel. */
  readonly channelSeconds: number;
  /** Handshakes of this process that wait for their answer; beyond it clients are turned away. */
  readonly handshakesWaiting: number;
  /** Without any request; longer at difficulties where a share takes long. */
  readonly idleSeconds: number;
  /** How long a client may leave what was sent to it unread. */
  readonly writeSeconds: number;
  readonly workersPerConnection: number;
  /** Open channels of a connection that speaks Stratum V2. */
  readonly channelsPerConnection: number;
  /** The same of one IPv4 address or one IPv6 /64 network, of this process. */
  readonly channelsPerAddress: number;
  /** Authorized names of all connections of this process. */
  readonly workers: number;
  /** Lines in a row that make no sense before the connection is closed. */
  readonly malformedLines: number;
  /** Of one connection, submissions left out; beyond it nothing is read for a while. */
  readonly requestsPerSecond: number;
  /** Submissions without an accepted one between that count as a flood. */
  readonly refusedInARow: number;
  /** First ban of an address; doubles while its offences go on. 0: never. */
  readonly banSeconds: number;
  /** Addresses that are never banned. */
  readonly neverBanned: readonly Network[];
  /** Closed sessions that are kept for their clients' return. */
  readonly resumableSessions: number;
  /** Workers whose difficulty is remembered. */
  readonly rememberedDifficulties: number;
  /** Submissions of one connection that wait for the journal; beyond it nothing more is read from it for a while. */
  readonly pendingAnswers: number;
  /** How often deadlines and difficulties are looked at. */
  readonly sweepSeconds: number;
}

export const defaultLimits: StratumLimits = {
  connections: undefined,
  connectionsPerAddress: 2000,
  newConnectionsPerAddressPerSecond: 500,
  connectionsPerSubnet: 8000,
  newConnectionsPerSubnetPerSecond: 2000,
  greetingSeconds: 10,
  lineBytes: 16_384,
  jsonDepth: 8,
  queuedBytes: 65_536,
  subscribeSeconds: 15,
  authorizeSeconds: 60,
  handshakeSeconds: 10,
  setupSeconds: 10,
  channelSeconds: 60,
  handshakesWaiting: 4096,
  idleSeconds: 3600,
  writeSeconds: 30,
  workersPerConnection: 5000,
  channelsPerConnection: 1000,
  channelsPerAddress: 20_000,
  workers: 262_144,
  malformedLines: 10,
  requestsPerSecond: 500,
  refusedInARow: 100,
  banSeconds: 30,
  neverBanned: [],
  resumableSessions: 32_768,
  rememberedDifficulties: 65_536,
  pendingAnswers: 4096,
  sweepSeconds: 1,
};
