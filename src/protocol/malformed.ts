/** What a decoder returns for a message that breaks the rules: a client's mistake is data, never an exception. */
export class Malformed {
  /** What is wrong, for the person who runs the client; becomes the sentence of the refusal. */
  readonly detail: string;
  /** Stratum V1: the id as JSON text where it could be read, so that the refusal finds its request. */
  readonly idText: string;

  constructor(detail: string, idText = "null") {
    this.detail = detail;
    this.idText = idText;
  }
}
