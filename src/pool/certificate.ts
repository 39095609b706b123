/**
 * The certificate of the Stratum ports, read again whenever its files change, so that a renewal needs no restart. A new
 * one that cannot be used is named in the log, and the one before it stays.
 */
import { createPrivateKey, X509Certificate } from "node:crypto";
import { readFile, stat } from "node:fs/promises";
import { createSecureContext, type SecureContext } from "node:tls";
import type { Clock } from "../clock.ts";
import { describeError, PoolError } from "../errors.ts";
import type { Logger } from "../log/index.ts";

export interface CertificateFiles {
  readonly certificateFile: string;
  readonly keyFile: string;
}

export interface Certificate {
  readonly secureContext: SecureContext;
  /** Wall clock, milliseconds. */
  readonly expiresMs: number;
}

export interface CertificateWatcherOptions {
  readonly files: CertificateFiles;
  readonly clock: Pick<Clock, "wallMs">;
  readonly log: Logger;
  readonly onExpiry: (expiresMs: number) => void;
}

/** Small devices have room for little else: TLS 1.2 and 1.3 only, with elliptic curves. */
const minVersion = "TLSv1.2";
const weekMs = 7 * 86_400_000;

/** @throws PoolError TLS_CERTIFICATE_UNUSABLE */
export async function loadCertificate({ certificateFile, keyFile }: CertificateFiles): Promise<Certificate> {
  const [cert, key] = await Promise.all([readPem(certificateFile), readPem(keyFile)]);
  try {
    const secureContext = createSecureContext({ cert, key, minVersion });
    const own = new X509Certificate(cert);
    // OpenSSL has a place for each kind of key, so it compares an RSA key with no certificate of an elliptic curve.
    if (!own.checkPrivateKey(createPrivateKey(key))) throw new Error("the key is another certificate's");
    return { secureContext, expiresMs: new Date(own.validTo).getTime() };
  } catch (cause) {
    throw unusable(
      certificateFile,
      `with the key ${keyFile} it is refused: ${(cause as Error).message}`,
      cause,
    );
  }
}

async function readPem(file: string): Promise<Buffer> {
  try {
    return await readFile(file);
  } catch (cause) {
    throw unusable(file, `it cannot be read (${(cause as NodeJS.ErrnoException).code})`, cause);
  }
}

function unusable(file: string, why: string, cause: unknown): PoolError {
  return new PoolError(
    "TLS_CERTIFICATE_UNUSABLE",
    `The TLS certificate ${file} cannot be used: ${why}.`,
    "Check stratum.tls: a PEM chain with the server's own certificate first, and its private key.",
    { cause },
  );
}

/** Has always a certificate, the newest that could be used. */
export class CertificateWatcher {
  readonly #options: CertificateWatcherOptions;
  #certificate: Certificate;
  #stamp: string;
  /** Why the newest files cannot be used, and how often in a row that was found. */
  #trouble = { text: "", times: 0 };
  #hasWarned = false;

  private constructor(options: CertificateWatcherOptions, certificate: Certificate, stamp: string) {
    this.#options = options;
    this.#certificate = certificate;
    this.#stamp = stamp;
    options.onExpiry(certificate.expiresMs);
  }

  /** @throws PoolError TLS_CERTIFICATE_UNUSABLE */
  static async start(options: CertificateWatcherOptions): Promise<CertificateWatcher> {
    const stamp = await stampOf(options.files);
    return new CertificateWatcher(options, await loadCertificate(options.files), stamp);
  }

  get secureContext(): SecureContext {
    return this.#certificate.secureContext;
  }

  /** Takes a new certificate if the files are others than before; to be called every few seconds. */
  async look(): Promise<void> {
    const { files, log, onExpiry } = this.#options;
    this.#warnInTime();
    const stamp = await stampOf(files);
    if (stamp === this.#stamp) return;
    try {
      this.#certificate = await loadCertificate(files);
      this.#stamp = stamp;
      this.#trouble = { text: "", times: 0 };
      this.#hasWarned = false;
      onExpiry(this.#certificate.expiresMs);
      log.info(
        { event: "tls-certificate-renewed", expires: new Date(this.#certificate.expiresMs).toISOString() },
        "new connections get the new certificate",
      );
    } catch (error) {
      this.#complain(describeError(error));
    }
  }

  /** Once, and not at first: perhaps only one of two files has been replaced yet. */
  #complain(text: string): void {
    this.#trouble = { text, times: text === this.#trouble.text ? this.#trouble.times + 1 : 1 };
    if (this.#trouble.times !== 2) return;
    this.#options.log.error({ event: "tls-certificate-refused" }, `${text} The old one stays.`);
  }

  #warnInTime(): void {
    const leftMs = this.#certificate.expiresMs - this.#options.clock.wallMs();
    if (this.#hasWarned || leftMs > weekMs) return;
    this.#hasWarned = true;
    this.#options.log.error(
      { event: "tls-certificate-expires", expires: new Date(this.#certificate.expiresMs).toISOString() },
      leftMs > 0 ? "the TLS certificate ends within a week" : "the TLS certificate is over: miners refuse it",
    );
  }
}

/** Changes when one of the files does. */
async function stampOf({ certificateFile, keyFile }: CertificateFiles): Promise<string> {
  const stamps = await Promise.all(
    [certificateFile, keyFile].map(async (file) => {
      const found = await stat(file).catch(() => undefined);
      return found === undefined ? "none" : `${found.ino} ${found.size} ${found.mtimeMs}`;
    }),
  );
  return stamps.join(", ");
}
