/**
 * Messages of Stratum V2, declared as values: the list of fields gives the type, the bounds, the encoder and the decoder.
 *
 * Behind a message's last field, fields of extensions may follow (3.4.3), whether the receiver knows them or not. Any
 * other surplus is malformed.
 */
import { Malformed } from "../malformed.ts";
import { type Field, FieldReader } from "./fields.ts";
import { frameHeaderBytes, maxPayloadLength, writeFrameHeader } from "./frame.ts";
import { areTlvs } from "./tlv.ts";

/** Who may send it. */
export type Sender = "client" | "server" | "either";

export interface MessageCodec<Message> {
  /** As the specification writes it, like `SubmitShares.Success`. */
  readonly name: string;
  readonly extensionType: number;
  readonly messageType: number;
  readonly isChannelMessage: boolean;
  readonly sender: Sender;
  /** Bytes of the shortest and longest payload that its fields allow, without fields of extensions. */
  readonly leastPayload: number;
  readonly maxPayload: number;
  /** What a receiver takes: less than `maxPayload` only where that would be absurd. */
  readonly acceptedPayload: number;
  /**
   * The whole plaintext frame, header and payload.
   * @param extra encoded fields of extensions, appended as they are.
   * @throws RangeError for values that do not fit.
   */
  encode(message: Message, extra?: Uint8Array): Buffer;
  decode(payload: Buffer): Message | Malformed;
  /** As `decode`, with the bytes of the extensions' fields: empty, or for `findTlv`. */
  decodeWithExtra(payload: Buffer): { readonly message: Message; readonly extra: Buffer } | Malformed;
}

// biome-ignore lint/suspicious/noExplicitAny: only `any` lets the compiler infer each field's own type.
type Fields = Readonly<Record<string, Field<any>>>;

type ValuesOf<List extends Fields> = {
  readonly [Name in keyof List]: List[Name] extends Field<infer Value> ? Value : never;
};

/** The type of message that a codec is for. */
export type MessageOf<Codec> = Codec extends MessageCodec<infer Message> ? Message : never;

export interface Definition<List extends Fields> {
  readonly name: string;
  readonly extensionType?: number;
  readonly messageType: number;
  readonly isChannelMessage?: boolean;
  readonly sender: Sender;
  readonly acceptedPayload?: number;
  /** In the order of the wire. */
  readonly fields: List;
}

export function defineMessage<const List extends Fields>(
  definition: Definition<List>,
): MessageCodec<ValuesOf<List>> {
  type Message = ValuesOf<List>;
  const { name, extensionType = 0, messageType, isChannelMessage = false, sender } = definition;
  const fields: readonly (readonly [string, Field<unknown>])[] = Object.entries(definition.fields);
  const leastPayload = sum(fields.map(([, field]) => field.leastBytes));
  const maxPayload = Math.min(sum(fields.map(([, field]) => field.mostBytes)), maxPayloadLength);

  function encode(message: Message, extra?: Uint8Array): Buffer {
    const values = message as Readonly<Record<string, unknown>>;
    let payloadLength = extra?.length ?? 0;
    for (const [key, field] of fields) payloadLength += field.sizeOf(values[key]);
    const frame = Buffer.allocUnsafe(frameHeaderBytes + payloadLength);
    let offset = writeFrameHeader(frame, 0, { extensionType, isChannelMessage, messageType, payloadLength });
    for (const [key, field] of fields) offset = field.write(frame, offset, values[key]);
    if (extra !== undefined) frame.set(extra, offset);
    return frame;
  }

  function read(reader: FieldReader): Message | Malformed {
    const values: Record<string, unknown> = {};
    for (const [key, field] of fields) {
      const value = field.read(reader, key);
      if (value instanceof Malformed) return new Malformed(`${name}: ${value.detail}`);
      values[key] = value;
    }
    return values as Message;
  }

  function decodeWithExtra(payload: Buffer) {
    const reader = new FieldReader(payload);
    const message = read(reader);
    if (message instanceof Malformed) return message;
    const extra = payload.subarray(reader.offset);
    if (!areTlvs(extra)) {
      return new Malformed(`${name}: ${extra.length} bytes too many, and they are no fields of extensions`);
    }
    return { message, extra };
  }

  function decode(payload: Buffer): Message | Malformed {
    const decoded = decodeWithExtra(payload);
    return decoded instanceof Malformed ? decoded : decoded.message;
  }

  const acceptedPayload = definition.acceptedPayload ?? maxPayload;
  return Object.freeze({
    name,
    extensionType,
    messageType,
    isChannelMessage,
    sender,
    leastPayload,
    maxPayload,
    acceptedPayload,
    encode,
    decode,
    decodeWithExtra,
  });
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0);
}
