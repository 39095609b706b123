import { hash } from "node:crypto";
import { CipherState } from "./cipher-state.ts";
import { hkdf } from "./hkdf.ts";

const protocolName = "Noise_NX_Secp256k1+EllSwift_ChaChaPoly_SHA256";

/** What both ends keep while they shake hands (spec 4.4.2): the chaining key, the hash of all that was sent, a cipher. */
export class SymmetricState {
  #chainingKey: Buffer = hash("sha256", protocolName, "buffer");
  // The name hashed, then an empty prologue.
  #hash: Buffer = hash("sha256", this.#chainingKey, "buffer");
  #cipher: CipherState | undefined;

  get chainingKey(): Buffer {
    return this.#chainingKey;
  }

  get hash(): Buffer {
    return this.#hash;
  }

  mixHash(data: Uint8Array): void {
    this.#hash = hash("sha256", Buffer.concat([this.#hash, data]), "buffer");
  }

  mixKey(input: Uint8Array): void {
    const [chainingKey, key] = hkdf(this.#chainingKey, input);
    this.#chainingKey = chainingKey;
    this.#cipher = new CipherState(key);
  }

  /** Plaintext stays plaintext until there is a key. */
  encryptAndHash(plaintext: Uint8Array): Uint8Array {
    const ciphertext = this.#cipher?.encrypt(plaintext, this.#hash) ?? plaintext;
    this.mixHash(ciphertext);
    return ciphertext;
  }

  /** @returns undefined if the MAC is wrong: the handshake has failed. */
  decryptAndHash(ciphertext: Uint8Array): Uint8Array | undefined {
    const plaintext = this.#cipher === undefined ? ciphertext : this.#cipher.decrypt(ciphertext, this.#hash);
    this.mixHash(ciphertext);
    return plaintext;
  }

  /** The keys of what follows: of the initiator's messages, and of the responder's. */
  split(): readonly [Buffer, Buffer] {
    return hkdf(this.#chainingKey, new Uint8Array());
  }
}
