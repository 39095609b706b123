import { createCipheriv, createDecipheriv } from "node:crypto";

export const macBytes = 16;

const algorithm = "chacha20-poly1305";
const options = { authTagLength: macBytes };
const none = new Uint8Array();

/** ChaCha20-Poly1305 with a key and a counter of messages (spec 4.4.1), for one direction. */
export class CipherState {
  readonly #key: Uint8Array;
  /** Counts messages: at a million a second it stays exact for 285 years. */
  #count = 0;
  #isBroken = false;

  /** @param key 32 bytes. */
  constructor(key: Uint8Array) {
    this.#key = key;
  }

  /** @returns as many bytes as the plaintext, and 16 of MAC. */
  encrypt(plaintext: Uint8Array, associated: Uint8Array = none): Buffer {
    const cipher = createCipheriv(algorithm, this.#key, this.#nonce(), options);
    cipher.setAAD(associated, { plaintextLength: plaintext.length });
    const head = cipher.update(plaintext);
    this.#count++;
    return Buffer.concat([head, cipher.final(), cipher.getAuthTag()]);
  }

  /**
   * @returns undefined if the ciphertext is not what the other end made as its next message. Then the session is over:
   *   so is every message after it.
   */
  decrypt(ciphertext: Uint8Array, associated: Uint8Array = none): Buffer | undefined {
    const plaintext = this.#isBroken ? undefined : this.#open(ciphertext, associated);
    if (plaintext === undefined) this.#isBroken = true;
    else this.#count++;
    return plaintext;
  }

  #open(ciphertext: Uint8Array, associated: Uint8Array): Buffer | undefined {
    const length = ciphertext.length - macBytes;
    if (length < 0) return undefined;
    const decipher = createDecipheriv(algorithm, this.#key, this.#nonce(), options);
    decipher.setAAD(associated, { plaintextLength: length });
    decipher.setAuthTag(ciphertext.subarray(length));
    const plaintext = decipher.update(ciphertext.subarray(0, length));
    try {
      decipher.final();
    } catch {
      // OpenSSL's way to say that the MAC is another.
      return undefined;
    }
    return plaintext;
  }

  /** Four zero bytes, then the counter, little-endian. */
  #nonce(): Buffer {
    const nonce = Buffer.alloc(12);
    nonce.writeUInt32LE(this.#count % 2 ** 32, 4);
    nonce.writeUInt32LE(Math.floor(this.#count / 2 ** 32), 8);
    return nonce;
  }
}
