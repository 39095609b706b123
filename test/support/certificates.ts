/** Certificates as an operator gets them, made by OpenSSL's own command. */
import { copyFile, rename, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { provideOpenssl } from "../../scripts/lib/parts.mjs";
import { capture } from "../../scripts/lib/run.mjs";
import type { CertificateFiles } from "../../src/pool/certificate.ts";

/** An elliptic curve is what small devices take; RSA is what many certificates still have. */
export type KeyKind = "P-256" | "RSA";

const newKey: Record<KeyKind, readonly string[]> = {
  "P-256": ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"],
  RSA: ["-newkey", "rsa:2048"],
};

export async function openssl(): Promise<string> {
  return (await provideOpenssl({ log: (line) => console.error(line) })).openssl;
}

export interface CertificateOptions {
  /** Common name, by which clients tell one certificate from another. */
  readonly name?: string;
  readonly kind?: KeyKind;
  readonly days?: number;
}

/** A certificate for `localhost` that signs itself, as two PEM files in the folder. */
export async function aCertificate(
  folder: string,
  { name = "localhost", kind = "P-256", days = 365 }: CertificateOptions = {},
): Promise<CertificateFiles> {
  const file = (suffix: string) => join(folder, `${name}-${kind}${suffix}`);
  // A file of our own: a program that runs from our cache finds no openssl.cnf where it looks for it.
  await writeFile(file(".cnf"), "[req]\ndistinguished_name=name\n[name]\n");
  const files = { certificateFile: file(".crt"), keyFile: file(".key") };
  const { code, stderr } = await capture(await openssl(), [
    "req",
    "-x509",
    "-config",
    file(".cnf"),
    ...newKey[kind],
    "-nodes",
    "-subj",
    `/CN=${name}`,
    "-addext",
    "subjectAltName=DNS:localhost,IP:127.0.0.1",
    "-days",
    String(days),
    "-keyout",
    files.keyFile,
    "-out",
    files.certificateFile,
  ]);
  if (code !== 0) throw new Error(`openssl made no certificate: ${stderr}`);
  return files;
}

/** Puts other files into the place of these, as a renewal does. */
export async function replaceCertificate(place: CertificateFiles, by: CertificateFiles): Promise<void> {
  await replaceFile(place.certificateFile, by.certificateFile);
  await replaceFile(place.keyFile, by.keyFile);
}

export async function replaceFile(place: string, by: string): Promise<void> {
  await copyFile(by, `${place}.new`);
  await rename(`${place}.new`, place);
}
