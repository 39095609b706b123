/**
 * The initiator's part of Noise for thousands of connections: all have one ephemeral key, and what it shares with a server's
 * lasting key is computed once. So a client's handshake costs less than the server's, whose work is what it always is. Never for
 * anything but load: who has the key reads all of these connections.
 */
import { certificateBytes } from "../src/protocol/v2/noise/certificate.ts";
import { macBytes } from "../src/protocol/v2/noise/cipher-state.ts";
import { agree, type EllswiftKey } from "../src/protocol/v2/noise/ellswift.ts";
import { act1Bytes, type TransportKeys } from "../src/protocol/v2/noise/handshake.ts";
import { SymmetricState } from "../src/protocol/v2/noise/symmetric-state.ts";

/** @returns what takes act 2; it throws an Error if that cannot be decrypted. Nobody's certificate is looked at. */
export function createInitiator(ephemeral: EllswiftKey): (act2: Buffer) => TransportKeys {
  const lasting = new Map<string, Buffer>();
  const staticEnd = act1Bytes + act1Bytes + macBytes;

  function agreeOnce(staticKey: Uint8Array): Buffer {
    const name = Buffer.from(staticKey).toString("latin1");
    const known = lasting.get(name);
    if (known !== undefined) return known;
    const secret = agree(ephemeral, staticKey, ephemeral.ellswift, staticKey);
    lasting.set(name, secret);
    return secret;
  }

  return (act2) => {
    const state = new SymmetricState();
    state.mixHash(ephemeral.ellswift);
    state.encryptAndHash(new Uint8Array());
    const theirs = act2.subarray(0, act1Bytes);
    state.mixHash(theirs);
    state.mixKey(agree(ephemeral, theirs, ephemeral.ellswift, theirs));
    const staticKey = state.decryptAndHash(act2.subarray(act1Bytes, staticEnd));
    if (staticKey === undefined) throw new Error("act 2 cannot be decrypted");
    state.mixKey(agreeOnce(staticKey));
    const certificate = state.decryptAndHash(
      act2.subarray(staticEnd, staticEnd + certificateBytes + macBytes),
    );
    if (certificate === undefined) throw new Error("act 2 cannot be decrypted");
    const [sendKey, receiveKey] = state.split();
    return { sendKey, receiveKey };
  };
}
