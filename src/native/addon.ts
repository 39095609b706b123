/**
 * What the native addon offers. Plain C++20 in native/src does the work; native/src/binding.cpp checks and converts.
 * All hashes and targets are 32 bytes, little-endian as integers (a block hash as it stands in memory). An argument of
 * a wrong type, length or range is a TypeError that names it.
 */
export interface Addon {
  /** Name of the SHA-256 kernel in use: chosen once at load, after a self-test against known answers. */
  readonly kernel: string;
  sha256d(data: Uint8Array): Buffer;
  /** CRC-32C (Castagnoli) of data[start, end). */
  crc32c(data: Uint8Array, start: number, end: number): number;
  /**
   * Writes bytes[0, length) at a position of an open file and, if asked, has it on the disk (fdatasync) before `done`:
   * both in one trip to the thread pool. `done` gets 0 or the errno of what failed; bytes must not change until then.
   */
  writeToDisk(
    file: number,
    bytes: Uint8Array,
    length: number,
    position: number,
    sync: boolean,
    done: (errno: number) => void,
  ): void;
  /** Branch that leads from a coinbase to the root: txids is count * 32 bytes without the coinbase. Deepest first. */
  merkleBranch(txids: Uint8Array): Buffer[];
  /** Root from a coinbase's txid and its branch (branch.length % 32 === 0, elements back to back). */
  merkleRoot(coinbaseTxid: Uint8Array, branch: Uint8Array): Buffer;
  /** A job made ready for judging; freed with its JavaScript object. */
  prepareJob(job: PrepareJob): PreparedJob;
  /**
   * Merkle roots of many choices of extranonces: n * (4 + the job's extranonce2Length) bytes back to back, as they stand
   * in the coinbase, to n * 32 bytes. A V2 standard channel's choice is its extranonce1, then zeros.
   */
  jobRoots(job: PreparedJob, extranonces: Uint8Array, roots: Uint8Array): void;
  /** Header hashes of accepted shares, one window a worker. Nothing is evicted: a full window refuses. At most 2^32 - 1. */
  createSeenWindow(maxEntries: number): SeenWindow;
  /**
   * Judges one submission: `submission` and `verdict` have the layouts of native/layout.ts. Returns the refusal code,
   * with `blockFlag` set when the hash meets the network target. Adds accepted hashes to `seen`. A job of a tip that
   * `seen` was told to forget is stale: a repetition would go unnoticed.
   */
  judge(job: PreparedJob, seen: SeenWindow, submission: Uint8Array, verdict: Uint8Array): number;
  /** What `takeLines` and `takeFrames` work with; one a worker. */
  createIntake(options: IntakeOptions): Intake;
  /** What one V1 connection may submit natively: nothing at first. */
  createLineLane(): LineLane;
  /**
   * Lets the lane's connection submit for this job under this name, and under this user name. A grant with another
   * extranonce1 or version mask takes all jobs back.
   */
  grantLines(lane: LineLane, grant: LineLaneGrant): void;
  /** Takes all jobs back. */
  forgetLines(lane: LineLane): void;
  /**
   * Takes the mining.submit lines at the front of bytes[frame.from…] for as long as they are usual, granted and no
   * blocks: judges them, adds accepted hashes to the window, writes their records to journal[journalStart, journalEnd)
   * and the answers to all of them to `answers`. `frame` has the layout of native/layout.ts.
   */
  takeLines(
    intake: Intake,
    lane: LineLane,
    bytes: Uint8Array,
    journal: Uint8Array,
    answers: Uint8Array,
    frame: Float64Array,
  ): void;
  /** What one V2 connection may submit natively: nothing at first. */
  createFrameLane(): FrameLane;
  /**
   * Lets a channel submit for this job under this name: four jobs a channel, then the oldest goes; 4,096 channels, then
   * all are taken back. Another extranonce1, version mask, account or worker than the channel had takes back its jobs.
   */
  grantFrames(lane: FrameLane, grant: FrameLaneGrant): void;
  /** Takes the jobs of a channel back, or of all. */
  forgetFrames(lane: FrameLane, channelId?: number): void;
  /**
   * The same as `takeLines` with shares as whole plaintext frames, without TLVs. `answers` gets those to refused ones,
   * whole frames; `accepted` two numbers for each of the others, in order: the tag of its grant, and its sequence number.
   */
  takeFrames(
    intake: Intake,
    lane: FrameLane,
    bytes: Uint8Array,
    journal: Uint8Array,
    answers: Uint8Array,
    frame: Float64Array,
    accepted: Uint32Array,
  ): void;
  /**
   * Offers the same bytes to the first `count` sockets (descriptors), once and without waiting: `sent` gets how many of
   * them each took, 0 where there is no room, or its error as a negative errno. Who owns a socket must have nothing
   * queued for it before, and queues what was not taken.
   */
  sendToMany(sockets: Int32Array, count: number, bytes: Uint8Array, sent: Int32Array): void;
  /** The kernel's smoothed round-trip time of a TCP connection; -1 for a descriptor that is none, or is closed. */
  roundTripMicroseconds(socket: number): number;
  /**
   * Opens a TCP socket that listens and shares its port with others that do the same for this user.
   * @param address numeric
   * @returns its descriptor, or a negative errno.
   */
  listenOnSharedPort(address: string, port: number, backlog: number): number;
  /** The same for the first `count` sockets in one call. */
  roundTrips(sockets: Int32Array, count: number, microseconds: Float64Array): void;
  /**
   * Hashes `count` nonces from `nonceStart` on, blocking; calls nothing. Returns the first nonce whose header hash is
   * <= target, or -1. header is 80 bytes; its nonce field is ignored. nonceStart + count <= 2^32.
   */
  scanNonces(header: Uint8Array, target: Uint8Array, nonceStart: number, count: number): number;
  /**
   * Reads journal records from the start of `bytes` (at most the first GiB), as long as each is whole, sound, of this
   * epoch, at its sequence (the first at `sequence`) and a share or block of usual content; stops before anything else,
   * and when `runs` and `parts` together have 4,096 entries.
   */
  surveyRecords(bytes: Uint8Array, epoch: number, sequence: number, maxRecords: number): RecordSurvey;
  /**
   * Writes the surveyed shares to the start of `out`, as the whole body of a COPY in Postgres' binary format. A row is
   * hash, sequence, time, protocol and block, then the fields of its group. Returns its length; where that is more than
   * `out` has, nothing is written.
   */
  writeShareRows(rows: ShareRows, out: Uint8Array): number;
  /** Whether this Node.js has a ChaCha20-Poly1305 that the addon can use: without, `createTransport` throws. */
  readonly hasAead: boolean;
  /**
   * The two directions of a Stratum V2 connection after its handshake, section 4.6 of the specification; keys are 32
   * bytes, and both counters at 0. Freed with its JavaScript object.
   */
  createTransport(receiveKey: Uint8Array, sendKey: Uint8Array): Transport;
  /** Frees what has come of an unfinished frame, for which no garbage collection is in a hurry; nothing opens any more. */
  closeTransport(transport: Transport): void;
  /** Memory of a transport outside JavaScript, with what it holds of an unfinished frame. */
  transportBytes(transport: Transport): number;
  /**
   * Seals whole frames, back to back, to the start of `out`, which must not overlap them. Returns the length. Frames that
   * are not whole and too little room are TypeErrors that change nothing.
   */
  sealFrames(transport: Transport, frames: Uint8Array, out: Uint8Array): number;
  /**
   * Opens what has come, in whatever pieces, and writes frames that became whole to the start of `out`, back to back.
   * `numbers` has the layout of native/layout.ts (openLayout), which also tells where it stops. Keeps no more of an
   * unfinished frame than has come; no room is made for what is only announced.
   */
  openFrames(transport: Transport, chunk: Uint8Array, out: Uint8Array, numbers: Float64Array): void;
}

export interface ShareRows {
  /** What was surveyed. */
  readonly records: Uint8Array;
  readonly groupOf: Uint32Array;
  /** Group after group the fields that all its shares have in common, ready for the row. */
  readonly fields: Uint8Array;
  /** Where each group's fields end. */
  readonly ends: Uint32Array;
  /** How many fields a group has. */
  readonly columns: number;
}

export interface RecordSurvey {
  /** Bytes of the records together. */
  readonly length: number;
  readonly shares: number;
  /** Of each record; 2^32 - 1 for a block's. */
  readonly groupOf: Uint32Array;
  /** Offset of the first record of each group: shares that agree in names, scheme, target and work. */
  readonly groups: Uint32Array;
  /**
   * Four numbers for each run, which is shares of one minute that follow each other, or one block record: minute since
   * 1970; index of its first record; offset of that; how many of `parts` it has, 0 for a block.
   */
  readonly runs: Float64Array;
  /** Two numbers for each group in each run, in the order in which they come up: the group, and how many shares. */
  readonly parts: Uint32Array;
}

export interface PrepareJob {
  readonly version: number;
  readonly previousHash: Uint8Array;
  readonly bits: number;
  readonly minTime: number;
  readonly coinbase1: Uint8Array;
  readonly coinbase2: Uint8Array;
  /** Bytes between the two, behind 4 of extranonce1. */
  readonly extranonce2Length: 8 | 16;
  /** Elements of 32 bytes back to back. */
  readonly merkleBranch: Uint8Array;
  readonly networkTarget: Uint8Array;
  /** Names the tip: seen hashes are kept by it. */
  readonly tipNumber: number;
}

export interface IntakeOptions {
  readonly seen: SeenWindow;
  /** What follows the id in V1's answer to an accepted share. */
  readonly acceptedTail: string;
  /** The same for refusals, by their codes; the first is not used. */
  readonly refusalTails: readonly string[];
  /** What SubmitShares.Error of V2 says of them. */
  readonly errorCodes: readonly string[];
}

declare const intake: unique symbol;
export interface Intake {
  readonly [intake]: true;
}

declare const lineLane: unique symbol;
export interface LineLane {
  readonly [lineLane]: true;
}

declare const frameLane: unique symbol;
export interface FrameLane {
  readonly [frameLane]: true;
}

/** What lanes of both protocols are told of a job and of who may submit for it. */
export interface LaneGrant {
  readonly extranonce1: number;
  readonly versionMask: number;
  /** UTF-8, at most 255 bytes each. */
  readonly account: Uint8Array;
  readonly worker: Uint8Array;
  readonly jobNumber: number;
  readonly prepared: PreparedJob;
  /** The target in force, and 16 bytes of its work, little-endian. */
  readonly target: Uint8Array;
  readonly work: Uint8Array;
  readonly height: number;
  /** Whether shares are of solo work: their records say so. */
  readonly solo: boolean;
  /** Comes back with accepted shares. */
  readonly tag: number;
}

/** `prepared` has an extranonce2 of 8 bytes. */
export interface LineLaneGrant extends LaneGrant {
  /** As the client writes it. */
  readonly user: string;
  readonly variant: number;
}

export interface FrameLaneGrant extends LaneGrant {
  readonly channelId: number;
  /** As shares name it. */
  readonly jobName: number;
  /** Of a standard channel: as long as the job says. Undefined where shares bring theirs. */
  readonly extranonce2: Uint8Array | undefined;
  /** The lowest ntime that the client was told, where that is above the job's own; else 0. */
  readonly ntimeMin: number;
}

declare const preparedJob: unique symbol;
export interface PreparedJob {
  readonly [preparedJob]: true;
}

declare const transport: unique symbol;
export interface Transport {
  readonly [transport]: true;
}

export interface SeenWindow {
  readonly size: number;
  /** Memory of the entries, used and free: 22 to 43 bytes each. */
  readonly bytes: number;
  /** Drops the hashes of all blocks that were last built on under a tip number below this one. */
  forgetBefore(tipNumber: number): void;
  /**
   * Has the window know a share that was accepted before it was made; one that it knows already changes nothing.
   * @returns false if the window is full.
   */
  insert(tipNumber: number, previousHash: Uint8Array, hash: Uint8Array): boolean;
  /** The same for all shares of this height among journal records that were surveyed. */
  insertShares(tipNumber: number, previousHash: Uint8Array, height: number, records: Uint8Array): boolean;
}
