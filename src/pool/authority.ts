/**
 * The pool's identity towards Stratum V2 miners: static keys that live for weeks, each vouched for by the authority key
 * that miners know. Every certificate comes with a static key of its own.
 */
import { randomBytes } from "node:crypto";
import { xOnlyPointFromScalar } from "tiny-secp256k1";
import type { Clock } from "../clock.ts";
import type { Logger } from "../log/index.ts";
import { signCertificate, type Validity } from "../protocol/v2/noise/certificate.ts";
import { createEllswiftKey } from "../protocol/v2/noise/ellswift.ts";
import type { Identity } from "../protocol/v2/noise/handshake.ts";

export type IssuedIdentity = Identity & Validity;

export interface AuthorityOptions {
  /** 32 bytes. */
  readonly secret: Uint8Array;
  readonly certificateDays: number;
  readonly clock: Pick<Clock, "wallMs">;
  readonly log: Logger;
  /** The first one, and each that follows. @param renewalSeconds Unix time at which the next is due. */
  readonly onIssued: (identity: IssuedIdentity, renewalSeconds: number) => void;
  /** Each that follows. */
  readonly onRenewed: (identity: IssuedIdentity) => void;
  /** Makes one; another only in tests of what fails. */
  readonly issue?: typeof issueIdentity;
}

const hourSeconds = 3_600;
const daySeconds = 24 * hourSeconds;
const weekSeconds = 7 * daySeconds;
/** Miners' clocks are wrong, some by more than the protocol's ten seconds. */
const backdatedSeconds = hourSeconds;
/** A renewal that fails is tried again after this long. */
const retrySeconds = 60;
/** The last second that a certificate can name. */
const lastSecond = 0xffffffff;

/** @param days from now on until it ends; it begins an hour ago. */
export function issueIdentity(secret: Uint8Array, nowSeconds: number, days: number): IssuedIdentity {
  const validity = {
    validFrom: withinU32(nowSeconds - backdatedSeconds),
    notValidAfter: withinU32(nowSeconds + days * daySeconds),
  };
  const staticKey = createEllswiftKey(randomBytes);
  const staticX = xOnlyPointFromScalar(staticKey.secret);
  return { staticKey, certificate: signCertificate(secret, staticX, validity, randomBytes(32)), ...validity };
}

/** A clock that is wrong by decades must not keep V1's miners from being served. */
function withinU32(seconds: number): number {
  return Math.min(Math.max(Math.round(seconds), 0), lastSecond);
}

/** Has always an identity, renewed when half of its life is over. */
export class Authority {
  readonly #options: AuthorityOptions;
  #identity: IssuedIdentity;
  #retryAt = Number.NEGATIVE_INFINITY;
  #hasWarned = false;

  constructor(options: AuthorityOptions) {
    this.#options = options;
    this.#identity = this.#issue();
    options.onIssued(this.#identity, this.#renewalSeconds);
  }

  get identity(): IssuedIdentity {
    return this.#identity;
  }

  /** Renews what is due; to be called every second or so. */
  look(): void {
    const now = this.#nowSeconds;
    if (this.#isDue(now) && (now >= this.#retryAt || now < this.#retryAt - retrySeconds)) this.#renew(now);
    this.#warnInTime(now);
  }

  /** Due too when the clock was set back: miners with right clocks would refuse what is not valid yet. */
  #isDue(now: number): boolean {
    return now >= this.#renewalSeconds || now < this.#identity.validFrom;
  }

  #renew(now: number): void {
    const { log, onIssued, onRenewed } = this.#options;
    try {
      this.#identity = this.#issue();
    } catch (err) {
      this.#retryAt = now + retrySeconds;
      log.error(
        { event: "v2-certificate-not-renewed", err, expires: this.#expires },
        "Stratum V2's certificate could not be renewed; the old one stays",
      );
      return;
    }
    this.#hasWarned = false;
    log.info(
      { event: "v2-certificate-renewed", expires: this.#expires },
      "new V2 connections are shown a new certificate",
    );
    onIssued(this.#identity, this.#renewalSeconds);
    onRenewed(this.#identity);
  }

  /** A week ahead; where certificates live for less than four, when a quarter of their life is left. */
  #warnInTime(now: number): void {
    const left = this.#identity.notValidAfter - now;
    if (this.#hasWarned || left > Math.min(weekSeconds, this.#lifeSeconds / 4)) return;
    this.#hasWarned = true;
    this.#options.log.error(
      { event: "v2-certificate-expires", expires: this.#expires },
      left > 0 ? "Stratum V2's certificate ends soon" : "Stratum V2's certificate is over: miners refuse it",
    );
  }

  #issue(): IssuedIdentity {
    const { secret, certificateDays, issue = issueIdentity } = this.#options;
    return issue(secret, this.#nowSeconds, certificateDays);
  }

  get #renewalSeconds(): number {
    return this.#identity.notValidAfter - this.#lifeSeconds / 2;
  }

  get #lifeSeconds(): number {
    return this.#options.certificateDays * daySeconds;
  }

  get #nowSeconds(): number {
    return this.#options.clock.wallMs() / 1000;
  }

  get #expires(): string {
    return new Date(this.#identity.notValidAfter * 1000).toISOString();
  }
}
