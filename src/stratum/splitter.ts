export interface MessageReader {
  /** All that is there from `from` on, where a message begins. @returns up to where whole ones were taken together. */
  messages(bytes: Buffer, from: number): number;
  /** Whether a message of so many bytes may be handed over now; if not, it and what follows wait for `resume`. */
  mayTake(bytes: number): boolean;
  /** One message, as its protocol cuts them. What is handed over is valid during the call only. */
  message(bytes: Buffer): void;
}

/** Cuts a stream of bytes into messages, whatever the packets; what it holds back is bounded. */
export interface Splitter {
  /** Whether whole messages may be held back, because the reader would not take them. */
  readonly holdsMessages: boolean;
  /**
   * Hands on every whole message: first offers all together, then goes on behind what was taken, one by one.
   * @returns false when the stream is of no more use; then nothing of it is kept.
   */
  push(chunk: Buffer, reader: MessageReader): boolean;
  /** Goes on with what was held back. @returns as `push` */
  resume(reader: MessageReader): boolean;
  /** What is left of the stream, which is over. */
  takeRest(): Buffer | undefined;
}
