/**
 * Every metric that Penstock exports, by area: what it says and what to do about it. docs/metrics.md is made of this.
 * `process` (primary, worker-1 …) comes to each as a label of its own.
 */
import { counter, gauge, histogram } from "./definition.ts";
import {
  blockStates,
  channelKinds,
  channelOpenResults,
  channelUpdateResults,
  connectionRefusals,
  disconnectCauses,
  jobKinds,
  journalStates,
  lookResults,
  nodeFaults,
  nodeStates,
  penaltiesTaken,
  proposalResults,
  protocols,
  setupResults,
  shareRefusals,
  shareResults,
  submissionResults,
  tipSources,
} from "./labels.ts";

const node = { each: "host:port of each node in the configuration" } as const;
const firmware = { each: "profile of the firmware file" } as const;
const diskSeconds = [
  0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5,
];
const networkSeconds = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30];
const loopSeconds = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5];
const recordCounts = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10_000];

const shares = {
  received: counter({
    name: "penstock_shares_received_total",
    help: "Shares that miners sent.",
    action: "Falls to zero while connections stay: miners get no jobs, see penstock_template_age_seconds.",
    labels: { protocol: protocols },
  }),
  answered: counter({
    name: "penstock_shares_answered_total",
    help: "Shares answered, by result: accepted or the reason of the refusal.",
    action:
      "Below received for longer than a disk write: the journal stands still. Many stale: jobs arrive late; many " +
      "low-difficulty or duplicate: broken devices, see the miners' own pages; unavailable: the disk, see the journal.",
    labels: { protocol: protocols, result: shareResults },
  }),
  journaled: counter({
    name: "penstock_shares_journaled_total",
    help: "Accepted shares that the journal has made durable.",
    action:
      "Must equal answered with result accepted; if it does not, stop and keep the journal for a report.",
  }),
  applied: counter({
    name: "penstock_shares_applied_total",
    help: "Shares that the ledger has applied.",
    action: "Falls behind journaled: see penstock_ledger_up and penstock_ledger_apply_lag_seconds.",
  }),
  work: counter({
    name: "penstock_shares_work_hashes_total",
    help: "Expected hashes behind the accepted shares; its rate is the hashrate.",
    action: "A step down without lost connections: a large miner left, or shares are refused.",
    labels: { protocol: protocols },
  }),
  windowFull: counter({
    name: "penstock_shares_window_full_total",
    help: "Shares refused because the window of seen hashes was full.",
    action: "Raise stratum.limits.seenShares (and the memory), or the minimum difficulty.",
  }),
};

const journal = {
  fsyncSeconds: histogram({
    name: "penstock_journal_fsync_duration_seconds",
    help: "How long one group commit takes, write and fdatasync.",
    action:
      "Slow: the disk is shared or dying; miners wait this long for each answer. Move the journal to its own disk.",
    buckets: diskSeconds,
  }),
  batchRecords: histogram({
    name: "penstock_journal_batch_records",
    help: "Records in one group commit.",
    action: "Grows with the load; large batches with slow commits mean that the disk is the limit.",
    buckets: recordCounts,
  }),
  bytes: counter({
    name: "penstock_journal_bytes_total",
    help: "Bytes appended to the journal.",
    action: "Times journal.retentionDays gives the disk that the journal needs.",
  }),
  freeBytes: gauge({
    name: "penstock_journal_free_bytes",
    help: "Free space on the journal's file system, bytes.",
    action: "Make room before it reaches journal.refuseFreeMegabytes: there the pool stops taking shares.",
  }),
  retainedBytes: gauge({
    name: "penstock_journal_retained_bytes",
    help: "Size of all segments that are kept, bytes.",
    action:
      "Grows without end: the ledger does not apply or no checkpoint can be made (segments wait for both; see the log), or the retention is too long.",
  }),
  queuedBytes: gauge({
    name: "penstock_journal_queued_bytes",
    help: "Bytes of shares that wait for the disk.",
    action: "Rises toward journal.maxQueuedBytes: the disk stands still; shares are refused from there on.",
  }),
  refused: counter({
    name: "penstock_journal_refused_total",
    help: "Records that were not taken, or taken and not made durable.",
    action: "Their shares were answered with unavailable; penstock_journal_state says why.",
  }),
  state: gauge({
    name: "penstock_journal_state",
    help: "1 for the state the journal is in, 0 for the others.",
    action:
      "alarm: make room. refusing or failed: miners are at their backup pools; free the disk or replace it, now.",
    labels: { state: journalStates },
  }),
};

const ledger = {
  up: gauge({
    name: "penstock_ledger_up",
    help: "1 while the ledger reaches its database, else 0.",
    action: "Mining goes on and the journal grows; bring Postgres back, the rest follows by itself.",
  }),
  lagRecords: gauge({
    name: "penstock_ledger_apply_lag_records",
    help: "Committed journal records that the ledger has not applied yet.",
    action: "Grows while the ledger is up: the database is too slow; see its load and ledger.batchRecords.",
  }),
  lagSeconds: gauge({
    name: "penstock_ledger_apply_lag_seconds",
    help: "Age of the oldest committed record that is not applied, seconds; 0 if there is none.",
    action: "Above a minute: see penstock_ledger_up, then the database's disk and locks.",
  }),
  applySeconds: histogram({
    name: "penstock_ledger_apply_duration_seconds",
    help: "How long one batch takes to apply, in one transaction.",
    action: "Slow: see the database's disk, its vacuum and its connections.",
    buckets: networkSeconds,
  }),
};

const template = {
  ageSeconds: gauge({
    name: "penstock_template_age_seconds",
    help: "Time since a node last gave or confirmed the template in use, seconds.",
    action:
      "Above a minute: no node answers; see penstock_node_state. At template.maxAgeSeconds the pool stops listening.",
  }),
  height: gauge({
    name: "penstock_template_height",
    help: "Height of the block that miners work on.",
    action: "Not one above the highest penstock_node_height: miners work on an old block.",
  }),
  transactions: gauge({
    name: "penstock_template_transactions",
    help: "Transactions in the template in use, without the coinbase.",
    action:
      "0 for long on a busy chain: no full template arrives and fees are lost; see the log for template-refused.",
  }),
  refused: counter({
    name: "penstock_template_refused_total",
    help: "Templates that failed a check and were not used.",
    action:
      "The log line template-refused says why; a node that goes on like this needs an upgrade or a reindex.",
  }),
  proposals: counter({
    name: "penstock_template_proposals_total",
    help: "Blocks shown to a node in proposal mode before their jobs were relied on, by its answer.",
    action: "refused: a block made of this job would be lost; stop, keep the log, report it.",
    labels: { result: proposalResults },
  }),
  tipToTemplateSeconds: histogram({
    name: "penstock_template_tip_to_template_seconds",
    help: "From the news of a block to the first, and to the full template on it.",
    action: "first above half a second: the node is slow or far; every miner wastes this time at each block.",
    labels: { kind: jobKinds },
    buckets: networkSeconds,
  }),
  parseSeconds: histogram({
    name: "penstock_template_parse_seconds",
    help: "How long it takes to read and check one template.",
    action: "Only the primary waits for it; above a second the machine is overloaded.",
    buckets: networkSeconds,
  }),
};

const jobs = {
  made: counter({
    name: "penstock_jobs_total",
    help: "Jobs made, by the kind of template they come from.",
    action: "Stands still: see penstock_template_age_seconds.",
    labels: { kind: jobKinds },
  }),
  live: gauge({
    name: "penstock_jobs_live",
    help: "Jobs whose shares a worker can still judge.",
    action: "Falls far below the others' in one worker: it missed jobs; report its log.",
  }),
};

const nodes = {
  up: gauge({
    name: "penstock_node_up",
    help: "1 while a node is healthy, else 0.",
    action: "See penstock_node_state for the reason; the next node in the list is in use.",
    labels: { node },
  }),
  state: gauge({
    name: "penstock_node_state",
    help: "1 for the state a node is in, 0 for the others.",
    action:
      "The state is the reason: unauthorized and wrong-chain are configuration; timeout and refused are the node.",
    labels: { node, state: nodeStates },
  }),
  height: gauge({
    name: "penstock_node_height",
    help: "Height of a node's tip.",
    action: "Behind the other nodes: it is stuck or cut off; restart it, look at its peers.",
    labels: { node },
  }),
  selected: gauge({
    name: "penstock_node_selected",
    help: "1 for the node whose templates are in use, 0 for the others.",
    action: "Not the first of the list: the first is in trouble or too slow.",
    labels: { node },
  }),
  lagging: gauge({
    name: "penstock_node_lagging",
    help: "1 while a node is behind the others, else 0.",
    action: "Look at its peers and its disk.",
    labels: { node },
  }),
  rpcSeconds: histogram({
    name: "penstock_node_rpc_duration_seconds",
    help: "How long RPC calls take, long polls left out.",
    action: "Slow: the node's disk or its RPC threads; other clients of the same node.",
    labels: { node, method: { each: "RPC method that the pool uses" } },
    buckets: networkSeconds,
  }),
  rpcFailures: counter({
    name: "penstock_node_rpc_failures_total",
    help: "Failed RPC calls, by kind.",
    action: "A few at a restart of the node are normal; see docs/errors.md for each kind.",
    labels: { node, kind: nodeFaults },
  }),
  tipNotices: counter({
    name: "penstock_tip_notices_total",
    help: "New tips, by the source that told first.",
    action:
      "poll ahead of zmq: the node's zmqpubhashblock is not set or not reachable; blocks are seen up to a second late.",
    labels: { source: tipSources },
  }),
  zmqMissed: counter({
    name: "penstock_node_zmq_missed_total",
    help: "ZMQ messages that were lost on the way.",
    action: "Other sources fill in; raise the node's zmqpubhashblockhwm or move it nearer.",
    labels: { node },
  }),
};

const stratum = {
  connections: gauge({
    name: "penstock_stratum_connections",
    help: "Open connections.",
    action: "A sudden drop: the network, or see penstock_stratum_disconnects_total for the cause.",
  }),
  subscribed: gauge({
    name: "penstock_stratum_subscribed_connections",
    help: "Open connections that have subscribed, and so get jobs.",
    action: "Far below the open connections: scanners, or devices that speak another protocol.",
  }),
  opened: counter({
    name: "penstock_stratum_connections_total",
    help: "Connections that were let in.",
    action:
      "Far above the growth of open connections: miners reconnect over and over; see the disconnects' causes.",
  }),
  refused: counter({
    name: "penstock_stratum_refused_total",
    help: "Connections that were not let in, by the limit that they met.",
    action:
      "connections: raise the descriptor limit; banned: see `penstock bans list`; the others: a flood, or a farm behind one address (raise its limit).",
    labels: { cause: connectionRefusals },
  }),
  disconnects: counter({
    name: "penstock_stratum_disconnects_total",
    help: "Connections that ended, by cause.",
    action:
      "slow-reader and write-timeout: bad links; tls-failed, tls-not-offered, proxy-header, http: somebody is at the wrong port, or a port is set up wrongly (`penstock config check` says what each one is); penalty: see penstock_stratum_penalties_total; suspended or unavailable: the pool could not serve, see /readyz. Of Stratum V2: handshakes-full and handshake-timeout: see penstock_stratum_v2_handshake_seconds; frame-broken: a broken client or somebody between; setup-refused: see penstock_stratum_v2_setups_total; first-message, setup-timeout, channel-timeout and frame-too-long: a scanner or a broken client.",
    labels: { cause: disconnectCauses },
  }),
  authorized: gauge({
    name: "penstock_stratum_authorized_workers",
    help: "Worker names that are authorized on open connections.",
    action: "Falls while connections stay: miners are misconfigured, see the refused authorizations.",
  }),
  authorizations: counter({
    name: "penstock_stratum_authorizations_total",
    help: "Answers to mining.authorize.",
    action:
      "Many refused: a farm mines to a wrong address or one of another chain, or for several over one connection to a solo port.",
    labels: { result: ["true", "false"] },
  }),
  extranoncesOnHand: gauge({
    name: "penstock_stratum_extranonces_on_hand",
    help: "Extranonces that a worker can give to new connections without asking.",
    action: "0: subscriptions wait; connections come and go faster than the space of one front end allows.",
  }),
  extranoncesTaken: gauge({
    name: "penstock_stratum_extranonces_taken",
    help: "Extranonces that open connections hold.",
    action: "Above the open connections: report it, extranonces are being lost.",
  }),
  resumed: counter({
    name: "penstock_stratum_resumed_sessions_total",
    help: "Subscriptions that took up an earlier session, with its extranonce and jobs.",
    action:
      "Many at once after a restart is as it should be. Steadily many: miners lose their connections; see the disconnects' causes and the round trips.",
  }),
  firmware: counter({
    name: "penstock_stratum_firmware_total",
    help: "Clients that said what they are, by the firmware profile that it matched.",
    action:
      "default in large part: devices that nobody described; their agents are in the log at level debug, docs/firmware.md says how to describe them.",
    labels: { firmware },
  }),
  refusedShares: counter({
    name: "penstock_stratum_refused_shares_total",
    help: "Refused submissions by the firmware profile of the client and the reason; those of penstock_shares_answered_total, seen by device.",
    action:
      "One firmware alone is refused much: its profile or a version of it is wrong. low-difficulty: coinbases are too large for it or it does not follow its difficulty, see the log for client-shares-too-easy; version-bits-not-allowed: its mask; stale: it does not drop old jobs. All of them: see the pool's own links and clock.",
    labels: { firmware, reason: shareRefusals },
  }),
  penalties: counter({
    name: "penstock_stratum_penalties_total",
    help: "What bad behaviour of connections led to.",
    action:
      "warn and slow: broken devices, which the log names at level debug. drop and ban: an attack, a broken farm, or a proxy that all come through (stratum.proxyFrom); `penstock bans list` says who and why, `penstock bans lift` ends it.",
    labels: { taken: penaltiesTaken },
  }),
  bannedAddresses: gauge({
    name: "penstock_stratum_banned_addresses",
    help: "Addresses and networks that are refused now.",
    action:
      "Many: an attack from many places. An address of your own: see its offence in `penstock bans list`, end it by `penstock bans lift`, exempt it by stratum.limits.neverBanned.",
  }),
  keptSessions: gauge({
    name: "penstock_stratum_kept_sessions",
    help: "Closed sessions that their clients can take up again.",
    action:
      "At stratum.limits.resumableSessions in one process: whoever left longest ago starts anew when it comes back; raise it, or shorten stratum.resumeSeconds.",
  }),
  roundTripSeconds: histogram({
    name: "penstock_stratum_round_trip_seconds",
    help: "Round-trip times of connections as the kernel measures them, each every ten seconds.",
    action:
      "Slow for many: put a front end nearer to them; a slow link is given more time and asked for fewer shares.",
    buckets: networkSeconds,
  }),
  certificateExpiry: gauge({
    name: "penstock_tls_certificate_expiry_seconds",
    help: "When the TLS certificate ends, seconds since 1970; absent without TLS.",
    action:
      "Renew it a week before at the latest: new files are read by themselves, without a restart. If it does not move then, the log line tls-certificate-refused says why.",
  }),
  malformedLines: counter({
    name: "penstock_stratum_malformed_lines_total",
    help: "Lines that could not be read as a request.",
    action: "Rises steadily: a scanner or a broken device; its connections are closed by themselves.",
  }),
  sessionFailures: counter({
    name: "penstock_stratum_session_failures_total",
    help: "Sessions that were closed by an error of ours.",
    action: "Never normal: report the log line with its stack.",
  }),
  difficultyChanges: counter({
    name: "penstock_stratum_difficulty_changes_total",
    help: "Connections that were assigned another difficulty than before.",
    action:
      "A storm: stratum.difficulty's bounds or sharesPerMinute do not fit the devices; docs/vardiff.md shows what is usual.",
  }),
  broadcastSeconds: histogram({
    name: "penstock_stratum_job_broadcast_seconds",
    help: "From a job's arrival in a worker process until every session was handed it.",
    action: "Above half a second: too many connections for one worker; raise stratum.workers.",
    buckets: networkSeconds,
  }),
};

const stratumV2 = {
  certificateExpiry: gauge({
    name: "penstock_stratum_v2_certificate_expiry_timestamp_seconds",
    help: "When the certificate that Stratum V2 miners are shown ends, seconds since 1970.",
    action:
      "It is renewed by itself at half of stratum.certificateDays. Does not move: the log line v2-certificate-not-renewed says why, and the clock may be wrong; a restart issues a new one.",
  }),
  certificateRenewal: gauge({
    name: "penstock_stratum_v2_certificate_renewal_timestamp_seconds",
    help: "When a new certificate for Stratum V2 is due, seconds since 1970.",
    action: "In the past: the log line v2-certificate-not-renewed says why none was issued.",
  }),
  handshakeSeconds: histogram({
    name: "penstock_stratum_v2_handshake_seconds",
    help: "From the first message of a Stratum V2 client until it was answered, the wait for the thread included.",
    action:
      "Above a second: more connect at once than one thread answers, some hundreds a second. It passes by itself; if it comes back, raise stratum.workers, or look for a flood in penstock_stratum_connections_total.",
    buckets: networkSeconds,
  }),
  ephemeralKeys: gauge({
    name: "penstock_stratum_v2_ephemeral_keys",
    help: "Keys for handshakes that were made ahead.",
    action:
      "0 before the first client of Stratum V2, and for seconds in a rush: keys are made while clients wait, which takes a handshake more than twice as long. 0 for minutes while clients come: see the log for handshake-thread-died.",
  }),
  setups: counter({
    name: "penstock_stratum_v2_setups_total",
    help: "Answers to SetupConnection: accepted, or the error code.",
    action:
      "unsupported-protocol: somebody wants to declare jobs or distribute templates, which this port does not do; unsupported-feature-flags: devices that insist on selecting their transactions; protocol-version-mismatch: firmware from before version 2.",
    labels: { result: setupResults },
  }),
  channelOpens: counter({
    name: "penstock_stratum_v2_channel_opens_total",
    help: "Answers to requests for a channel: its kind, or the error code.",
    action:
      "unknown-user: a farm mines to a wrong address; channel-capacity-exhausted: a proxy needs more than stratum.limits.channelsPerConnection, or its address than channelsPerAddress; max-target-out-of-range or invalid-nominal-hashrate: a broken device or proxy, or stratum.difficulty.min is too high for it.",
    labels: { result: channelOpenResults },
  }),
  channelUpdates: counter({
    name: "penstock_stratum_v2_channel_updates_total",
    help: "Messages in which a client says how fast a channel is now, by what came of them.",
    action: "Errors alone: the log at level debug names the client; its proxy is broken.",
    labels: { result: channelUpdateResults },
  }),
  channels: gauge({
    name: "penstock_stratum_v2_channels",
    help: "Open channels, by kind.",
    action:
      "Falls while connections stay: proxies lost the devices behind them. Connections without channels are closed after stratum.limits.channelSeconds.",
    labels: { kind: channelKinds },
  }),
  ignoredMessages: counter({
    name: "penstock_stratum_v2_ignored_messages_total",
    help: "Sound messages of clients that a server does not expect, or of a kind that it does not know.",
    action:
      "Harmless, as the protocol wants it. Rises with each share: a client waits for an answer that it will not get; report its kind.",
  }),
  malformedFrames: counter({
    name: "penstock_stratum_v2_malformed_frames_total",
    help: "Messages that were sealed well and could not be read.",
    action:
      "The connection was closed. Steadily: a client encodes a message wrongly, and the log at level debug names it; report it to its maker.",
  }),
};

const blocks = {
  byState: gauge({
    name: "penstock_blocks",
    help: "Blocks that this pool found, by the state they are in.",
    action: "candidate or submitted for minutes: no node has answered; orphaned: see the log for the reason.",
    labels: { state: blockStates },
  }),
  found: counter({
    name: "penstock_blocks_found_total",
    help: "Hashes that met the network's target.",
    action: "Each must soon show in penstock_blocks as immature.",
  }),
  transitions: counter({
    name: "penstock_blocks_transitions_total",
    help: "Changes of a block's state, by the state that it came to.",
    action: "orphaned: another pool's block won; often: blocks reach the network late, see the nodes' peers.",
    labels: { state: blockStates },
  }),
  looks: counter({
    name: "penstock_blocks_looks_total",
    help: "Looks at all open blocks in the chain: finished, or broken off and tried again.",
    action: "Only broken-off: node or ledger cannot be reached, and no block changes its state.",
    labels: { result: lookResults },
  }),
  submissions: counter({
    name: "penstock_blocks_submissions_total",
    help: "Answers of nodes to submitted blocks.",
    action:
      "refused: page somebody; the block is kept below dataDirectory and the log has the node's reason.",
    labels: { result: submissionResults },
  }),
};

const runtime = {
  ready: gauge({
    name: "penstock_ready",
    help: "1 while a share could be durably accepted and the template is fresh, else 0.",
    action: "0: /readyz lists the reasons; miners are at their backup pools.",
  }),
  workerRestarts: counter({
    name: "penstock_worker_restarts_total",
    help: "Worker processes that died and were replaced.",
    action: "Each cost its connections a reconnect; the log line worker-exited has the cause.",
  }),
  loopLag: histogram({
    name: "penstock_event_loop_lag_seconds",
    help: "The longest delay of the event loop within each second.",
    action:
      "p99 above 0.1 in a worker: too much load for one process, raise stratum.workers; in the primary: templates.",
    buckets: loopSeconds,
  }),
  buildInfo: gauge({
    name: "penstock_build_info",
    help: "Always 1; the labels say what is running.",
    action: "Different versions side by side: an upgrade was not finished.",
    labels: { version: { each: "version of Penstock" }, kernel: { each: "SHA-256 kernel in use" } },
  }),
  logDropped: counter({
    name: "penstock_log_dropped_total",
    help: "Log lines lost because nobody took them or writing failed.",
    action: "The log's reader hangs or its disk is full; mining does not wait for it.",
  }),
  cpu: counter({
    name: "process_cpu_seconds_total",
    help: "Processor time used, user and system, seconds.",
    action: "A worker near 1 per second is full: raise stratum.workers.",
  }),
  residentMemory: gauge({
    name: "process_resident_memory_bytes",
    help: "Memory in use, bytes.",
    action: "Grows for days: keep a heap snapshot, report it.",
  }),
  heapUsed: gauge({
    name: "nodejs_heap_size_used_bytes",
    help: "JavaScript heap in use, bytes.",
    action: "See process_resident_memory_bytes.",
  }),
  startTime: gauge({
    name: "process_start_time_seconds",
    help: "When the process started, seconds since 1970.",
    action: "Younger than the last deployment: it was restarted, see penstock_worker_restarts_total.",
  }),
};

export const definitions = {
  shares,
  journal,
  ledger,
  template,
  jobs,
  nodes,
  stratum,
  stratumV2,
  blocks,
  runtime,
};
