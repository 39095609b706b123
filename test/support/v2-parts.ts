/** What a Stratum port needs to speak V2, without a thread and without jobs' native form. */
import { prepare } from "../../src/jobs/live-jobs.ts";
import { createWideJobs } from "../../src/jobs/wide-job.ts";
import { loadAddon } from "../../src/native/index.ts";
import { createTransports } from "../../src/pool/frame-transports.ts";
import { authorityKeyOf } from "../../src/protocol/v2/noise/authority-key.ts";
import { signCertificate } from "../../src/protocol/v2/noise/certificate.ts";
import { createEllswiftKey, decodeEllswift } from "../../src/protocol/v2/noise/ellswift.ts";
import { respond } from "../../src/protocol/v2/noise/handshake.ts";
import type { V2Parts } from "../../src/stratum/v2/context.ts";
import { randomSource } from "./random.ts";

const addon = loadAddon();
const random = randomSource(5);
const draw = (length: number) => random.bytes(length);
const secret = Buffer.alloc(32, 9);
const staticKey = createEllswiftKey(draw);
const certificate = signCertificate(
  secret,
  decodeEllswift(staticKey.ellswift),
  { validFrom: 0, notValidAfter: 0xffffffff },
  draw(32),
);

/** 32 bytes, the public key that clients of `v2Parts` may check. */
export const testAuthority = authorityKeyOf(secret);

/** Real handshakes and transports. Roots are of a job's data, since some tests have jobs without a native form. */
export const v2Parts: V2Parts = {
  handshakes: {
    respond(act1, done) {
      const response = respond(act1, { staticKey, certificate }, createEllswiftKey(draw));
      setImmediate(() => done(response));
      return true;
    },
  },
  transports: createTransports({ addon, longPayload: 1_024 }),
  wideJob: createWideJobs({ addon }).of,
  jobRoots: ({ data }, extranonces, roots) => addon.jobRoots(prepare(addon, data), extranonces, roots),
};

/** For ports that nobody speaks V2 at. */
export const refusesV2: V2Parts = { ...v2Parts, handshakes: { respond: () => false } };
