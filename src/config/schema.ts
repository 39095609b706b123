import { chains } from "../bitcoin/address.ts";
import { listenAddress, networkAddress, rpcUrl, serverUrl, zmqUrl } from "./endpoints.ts";
import type { ValueOf } from "./setting.ts";
import {
  autoOr,
  bits,
  flag,
  group,
  list,
  number,
  oneOf,
  orNull,
  path,
  text,
  wholeNumber,
} from "./setting.ts";

/** Share of a whole in percent: four decimals, so that it is a whole number of millionths. */
const percentDecimals = 4;

const node = group("A Bitcoin node (Bitcoin Core or Knots, 27 or newer).", {
  rpc: rpcUrl({ about: "Address of the node's RPC server." }),
  user: orNull(text({ about: "RPC user name; goes with password.", maxBytes: 256 })),
  password: orNull(
    text({
      about: `RPC password; better written as \${NAME} than in the file.`,
      maxBytes: 1024,
      secret: true,
    }),
  ),
  cookieFile: orNull(
    path({ about: "The node's .cookie file, read anew at each login, instead of user and password." }),
  ),
  zmq: orNull(
    zmqUrl({ about: "The node's zmqpubhashblock address: news of a block without waiting for a poll." }),
  ),
  timeoutSeconds: number({
    about: "How long an ordinary RPC call may take before the node counts as not answering.",
    unit: "seconds",
    default: 5,
    min: 0.5,
    max: 300,
  }),
});

const splitEntry = group("One more address that the coinbase pays.", {
  address: text({ about: "Address on the pool's chain.", maxBytes: 128 }),
  percent: number({
    about: "Its part of the block reward.",
    unit: "percent",
    min: 0.0001,
    max: 99.9999,
    decimals: percentDecimals,
  }),
});

const schemes = ["pplns", "solo"] as const;

const difficulties = {
  start: number({
    about: "Difficulty of a connection's first jobs.",
    default: 1024,
    min: 1e-9,
    max: 1e15,
  }),
  min: number({
    about: "The easiest difficulty that is ever assigned.",
    default: 0.00001,
    min: 1e-9,
    max: 1e15,
  }),
  max: number({
    about: "The hardest difficulty that is ever assigned; the network's own is the limit in any case.",
    default: 1_000_000_000,
    min: 1e-9,
    max: 1e15,
  }),
  vardiff: flag({ about: "Whether difficulty follows the speed of the device.", default: true }),
  sharesPerMinute: number({
    about: "How many shares a minute the difficulty aims at, for each connection.",
    unit: "shares per minute",
    default: 6,
    min: 0.1,
    max: 6000,
  }),
};

const difficulty = group(
  "Share difficulty; it only steers how often a device reports, never what its work is worth.",
  difficulties,
);

const listener = group("A port with settings of its own.", {
  listen: listenAddress({ about: "HOST:PORT." }),
  scheme: orNull(oneOf(schemes, { about: "How rewards of this port are shared out; null: as pool.scheme." })),
  proxyFrom: list(networkAddress({ about: "Address or network." }), {
    about: "Who must begin each connection to this port with a PROXY header, as stratum.proxyFrom.",
    minItems: 0,
    maxItems: 64,
    default: [],
  }),
  difficulty: group("Share difficulty on this port; null: as in stratum.difficulty.", {
    start: orNull(difficulties.start),
    min: orNull(difficulties.min),
    max: orNull(difficulties.max),
    vardiff: orNull(difficulties.vardiff),
    sharesPerMinute: orNull(difficulties.sharesPerMinute),
  }),
});

const limits = group("Bounds that keep one peer from costing the others anything.", {
  connections: autoOr({
    about: "Open connections of one worker process; auto: its descriptor limit less a reserve of 128.",
    unit: "connections",
    min: 1,
    max: 1_000_000,
  }),
  connectionsPerAddress: wholeNumber({
    about: "Open connections of one IPv4 address or one IPv6 /64 network.",
    unit: "connections",
    default: 2000,
    min: 1,
    max: 1_000_000,
  }),
  newConnectionsPerAddressPerSecond: wholeNumber({
    about: "New connections of one such address within a second.",
    unit: "connections",
    default: 500,
    min: 1,
    max: 1_000_000,
  }),
  connectionsPerSubnet: wholeNumber({
    about: "Open connections of one IPv4 /24 or one IPv6 /48 network.",
    unit: "connections",
    default: 8000,
    min: 1,
    max: 1_000_000,
  }),
  newConnectionsPerSubnetPerSecond: wholeNumber({
    about: "New connections of one such network within a second.",
    unit: "connections",
    default: 2000,
    min: 1,
    max: 1_000_000,
  }),
  greetingSeconds: number({
    about:
      "Time for a new connection to say what it speaks: PROXY header, TLS handshake, first byte of Stratum.",
    unit: "seconds",
    default: 10,
    min: 1,
    max: 600,
  }),
  lineBytes: wholeNumber({
    about: "Longest line that a client may send.",
    unit: "bytes",
    default: 16_384,
    min: 1024,
    max: 1_048_576,
  }),
  jsonDepth: wholeNumber({
    about: "Deepest nesting of a request.",
    unit: "levels",
    default: 8,
    min: 4,
    max: 64,
  }),
  queuedBytes: wholeNumber({
    about: "Most bytes that wait for a client that reads too slowly; beyond it the connection is closed.",
    unit: "bytes",
    default: 65_536,
    min: 16_384,
    max: 16_777_216,
  }),
  subscribeSeconds: number({
    about: "Time for a new connection to subscribe.",
    unit: "seconds",
    default: 15,
    min: 1,
    max: 600,
  }),
  authorizeSeconds: number({
    about: "Time for a subscribed connection to authorize its first worker.",
    unit: "seconds",
    default: 60,
    min: 1,
    max: 3600,
  }),
  handshakeSeconds: number({
    about: "Time for a new connection of Stratum V2 until its handshake is done.",
    unit: "seconds",
    default: 10,
    min: 1,
    max: 600,
  }),
  setupSeconds: number({
    about: "Time for a connection of Stratum V2 to say what it wants, after its handshake.",
    unit: "seconds",
    default: 10,
    min: 1,
    max: 600,
  }),
  channelSeconds: number({
    about: "How long a connection of Stratum V2 may have no open channel.",
    unit: "seconds",
    default: 60,
    min: 1,
    max: 3600,
  }),
  handshakesWaiting: wholeNumber({
    about:
      "Handshakes of Stratum V2 that wait in one worker process, which answers some hundreds a second; beyond it new connections are closed.",
    unit: "handshakes",
    default: 4096,
    min: 1,
    max: 1_000_000,
  }),
  idleSeconds: number({
    about:
      "A connection that has sent nothing for this long is closed; at difficulties where a device of 10 GH/s needs longer for eight shares, after that time, a day at most.",
    unit: "seconds",
    default: 3600,
    min: 60,
    max: 604_800,
  }),
  workersPerConnection: wholeNumber({
    about: "Worker names that one connection may authorize.",
    unit: "names",
    default: 5000,
    min: 1,
    max: 100_000,
  }),
  channelsPerConnection: wholeNumber({
    about: "Channels that one connection of Stratum V2 may have open.",
    unit: "channels",
    default: 1000,
    min: 1,
    max: 100_000,
  }),
  channelsPerAddress: wholeNumber({
    about:
      "Channels that one IPv4 address or one IPv6 /64 network may have open over Stratum V2, on all of its connections to one worker process.",
    unit: "channels",
    default: 20_000,
    min: 1,
    max: 1_000_000,
  }),
  writeSeconds: number({
    about: "How long a client may leave what was sent to it unread.",
    unit: "seconds",
    default: 30,
    min: 1,
    max: 3600,
  }),
  workers: wholeNumber({
    about: "Worker names that all connections of one worker process may authorize.",
    unit: "names",
    default: 262_144,
    min: 1,
    max: 10_000_000,
  }),
  malformedLines: wholeNumber({
    about: "Lines in a row that make no sense before the connection is closed.",
    unit: "lines",
    default: 10,
    min: 1,
    max: 1000,
  }),
  requestsPerSecond: wholeNumber({
    about: "Requests other than submissions of one connection within a second; beyond it, it is slowed down.",
    unit: "requests",
    default: 500,
    min: 10,
    max: 1_000_000,
  }),
  refusedInARow: wholeNumber({
    about:
      "Refused submissions without an accepted one between, over ten seconds at least, before the connection is slowed down, and later closed.",
    unit: "shares",
    default: 100,
    min: 10,
    max: 10_000_000,
  }),
  banSeconds: number({
    about:
      "How long an address is refused whose connections were closed for hostility over and over; doubles while that goes on, up to an hour. 0: never.",
    unit: "seconds",
    default: 30,
    min: 0,
    max: 3600,
  }),
  neverBanned: list(networkAddress({ about: "Address or network." }), {
    about: "Addresses that are never banned.",
    minItems: 0,
    maxItems: 64,
    default: [],
  }),
  resumableSessions: wholeNumber({
    about: "Closed sessions that one worker process keeps for their clients' return; the oldest go first.",
    unit: "sessions",
    default: 32_768,
    min: 0,
    max: 1_000_000,
  }),
  rememberedDifficulties: wholeNumber({
    about:
      "Workers whose difficulty is remembered for their next connection; those seen longest ago go first.",
    unit: "workers",
    default: 65_536,
    min: 0,
    max: 1_000_000,
  }),
  pendingAnswers: wholeNumber({
    about: "Shares of one connection that wait for the disk before nothing more is read from it for a while.",
    unit: "shares",
    default: 4096,
    min: 1,
    max: 1_000_000,
  }),
  seenShares: wholeNumber({
    about:
      "Hashes of accepted shares that a worker process remembers to refuse duplicates; some 50 bytes each when used.",
    unit: "hashes",
    default: 16_777_216,
    min: 65_536,
    max: 268_435_456,
  }),
});

/** The whole of the settings: types, checks, docs/configuration.md and the example file are read off this. */
export const schema = group("Penstock's settings.", {
  chain: oneOf(chains, { about: "The chain that the pool mines on; nodes and addresses must belong to it." }),
  dataDirectory: path({
    about: "Where the pool keeps what it must not lose: found blocks, templates in use, counters, keys.",
    default: "./data",
  }),
  nodes: list(node, {
    about: "Bitcoin nodes: the first that works gives the templates, found blocks go to all.",
    minItems: 1,
    maxItems: 16,
  }),
  pool: group("Who is paid, and how the pool signs its blocks.", {
    address: text({ about: "The pool's own address: the block reward goes here.", maxBytes: 128 }),
    split: list(splitEntry, {
      about: "Further addresses of the pool's own that share the reward; the rest goes to pool.address.",
      minItems: 0,
      maxItems: 16,
      default: [],
    }),
    tag: text({ about: "Text in the coinbase that names the pool.", default: "/Penstock/", maxBytes: 40 }),
    feePercent: number({
      about: "What the pool keeps of each block reward.",
      unit: "percent",
      default: 1,
      min: 0,
      max: 100,
      decimals: percentDecimals,
    }),
    scheme: oneOf(schemes, {
      about:
        "How rewards are shared out. pplns: over the last work of all miners; solo: each block pays its finder in its coinbase, the fee beside it.",
      default: "pplns",
    }),
    frontEnd: wholeNumber({
      about:
        "Number of this machine among the pool's front ends, distinct on each: the top byte of extranonce1.",
      default: 0,
      min: 0,
      max: 255,
    }),
  }),
  pplns: group("The window of work that a block's reward is shared over.", {
    windowMultiple: number({
      about: "Length of the window as a multiple of the work that the network needs for one block.",
      unit: "blocks' work",
      default: 4,
      min: 0.001,
      max: 1000,
      decimals: 3,
    }),
  }),
  template: group("Block templates.", {
    pollSeconds: number({
      about: "How often each node is asked for its tip, beside ZMQ and long polling.",
      unit: "seconds",
      default: 1,
      min: 0.1,
      max: 60,
    }),
    refreshSeconds: number({
      about: "How often miners get a fresh job while the tip stays.",
      unit: "seconds",
      default: 25,
      min: 1,
      max: 30,
    }),
    maxAgeSeconds: number({
      about:
        "When no node has given a template for this long, the pool stops listening so that miners use their backup.",
      unit: "seconds",
      default: 600,
      min: 60,
      max: 86_400,
    }),
  }),
  stratum: group("The port that miners connect to.", {
    listen: list(listenAddress({ about: "HOST:PORT." }), {
      about: "Addresses that miners connect to.",
      minItems: 1,
      maxItems: 16,
      default: ["0.0.0.0:3333"],
    }),
    listeners: list(listener, {
      about:
        "Further ports with settings of their own: high difficulty for rented hashrate, solo mining, a port behind a proxy.",
      minItems: 0,
      maxItems: 16,
      default: [],
    }),
    tls: group("TLS on the same ports, told apart by its first byte; both files or none.", {
      certificateFile: orNull(
        path({ about: "Certificate chain, PEM; read again when it changes, without a restart." }),
      ),
      keyFile: orNull(
        path({ about: "Its private key, PEM; elliptic curve (P-256) is what small devices take." }),
      ),
    }),
    proxyFrom: list(networkAddress({ about: "Address or network." }), {
      about:
        "Addresses or networks (10.0.0.0/8) that must begin each connection to stratum.listen with a PROXY header, version 1 or 2, as HAProxy sends it; nobody else may.",
      minItems: 0,
      maxItems: 64,
      default: [],
    }),
    firmwareFile: orNull(
      path({ about: "Firmware profiles; null: config/firmware.yaml as it came with the program." }),
    ),
    workers: autoOr({
      about: "Processes that serve miners; auto: one less than the machine has cores, at least one.",
      unit: "processes",
      min: 1,
      max: 250,
    }),
    difficulty,
    nativeSubmit: flag({
      about:
        "Reads and judges usual submissions in native code, straight from the received bytes. Off: all in JavaScript, several times slower, with the same outcome.",
      default: true,
    }),
    versionMask: bits({
      about:
        "Version bits that miners may roll, in quotes: 1fffe000 (BIP 320), or 1fffffe0 for the 24 of BIP 323, a draft.",
      default: "1fffe000",
      within: 0x1fffffff,
    }),
    staleGraceSeconds: number({
      about:
        "How long a share on the previous tip still counts after the connection was sent a job on the new one.",
      unit: "seconds",
      default: 3,
      min: 0,
      max: 30,
    }),
    staleGraceMaxSeconds: number({
      about: "How far the measured round-trip time of a slow link may lengthen that.",
      unit: "seconds",
      default: 10,
      min: 0,
      max: 60,
    }),
    resumeSeconds: number({
      about: "How long a closed session can be taken up again by its id.",
      unit: "seconds",
      default: 600,
      min: 0,
      max: 86_400,
    }),
    authorityKeyFile: path({
      about:
        "Secret key that proves the pool's identity to Stratum V2 miners, who know its public key; made at the first start, printed by `penstock v2 key`.",
      inDataDirectory: "authority.key",
    }),
    certificateDays: number({
      about: "How long a certificate for Stratum V2 lives; a new one is issued at half of that.",
      unit: "days",
      default: 30,
      min: 0.001,
      max: 3650,
    }),
    limits,
  }),
  journal: group("The write-ahead journal of accepted shares: the source of truth.", {
    directory: path({
      about: "Folder of the journal; best on a disk of its own.",
      inDataDirectory: "journal",
    }),
    durability: oneOf(["fsync", "os"], {
      about:
        "fsync: a share is acknowledged when it is on the disk; os: when the kernel has it, lost in a power cut.",
      default: "fsync",
    }),
    segmentMegabytes: wholeNumber({
      about: "Size at which the journal goes on in a new file.",
      unit: "MiB",
      default: 64,
      min: 1,
      max: 1024,
    }),
    retentionDays: number({
      about:
        "How long segments that the ledger has applied are kept; at least as far back as database backups reach.",
      unit: "days",
      default: 90,
      min: 0,
      max: 36_500,
    }),
    alarmFreeMegabytes: wholeNumber({
      about: "Free space below which the pool raises the alarm.",
      unit: "MiB",
      default: 2048,
      min: 1,
      max: 1_000_000_000,
    }),
    refuseFreeMegabytes: wholeNumber({
      about:
        "Free space below which the pool refuses shares and stops listening, so that miners use their backup.",
      unit: "MiB",
      default: 256,
      min: 1,
      max: 1_000_000_000,
    }),
    maxQueuedBytes: wholeNumber({
      about:
        "Most bytes of shares that wait for the disk in one worker process; beyond it shares are refused.",
      unit: "bytes",
      default: 67_108_864,
      min: 65_536,
      max: 1_073_741_824,
    }),
  }),
  ledger: group("From the journal to the books.", {
    shareRetentionDays: number({
      about: "How long single shares stay in the database; their sums stay for ever.",
      unit: "days",
      default: 30,
      min: 1,
      max: 36_500,
    }),
    batchRecords: wholeNumber({
      about: "Most journal records that one database transaction applies.",
      unit: "records",
      default: 40_000,
      min: 1,
      max: 1_000_000,
    }),
  }),
  database: group("Postgres, 15 or newer.", {
    url: serverUrl(["postgres", "postgresql"], ["embedded"], {
      about: "The database; embedded: a Postgres that the pool runs itself, below dataDirectory.",
      default: "embedded",
    }),
  }),
  redis: group("Only for many front ends that share one ledger.", {
    url: orNull(serverUrl(["redis", "rediss"], [], { about: "The Redis server; unused in this version." })),
  }),
  http: group("Health and metrics.", {
    listen: listenAddress({
      about: "Address of /metrics, /livez and /readyz.",
      default: "127.0.0.1:8080",
    }),
  }),
  log: group("Log lines: JSON on standard output.", {
    level: oneOf(["trace", "debug", "info", "warn", "error", "fatal", "silent"], {
      about: "The least severe lines that are written.",
      default: "info",
    }),
  }),
});

export type Config = ValueOf<typeof schema>;
