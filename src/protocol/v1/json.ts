/**
 * A strict reader of JSON (RFC 8259) with a bound on nesting. Unlike JSON.parse it shows where a value stood in the
 * text, so that a client's id can be given back as it was written; objects become Maps, so that no key is special.
 */
export type Json = null | boolean | number | string | readonly Json[] | ReadonlyMap<string, Json>;

/**
 * Thrown when the text is not JSON, or nests too deeply. No Error: the stack that comes with one says nothing here and
 * takes three times as long as to read the text, which those who flood a server with garbage would be glad of.
 */
export class JsonRefusal {
  /** For the client. */
  readonly message: string;

  constructor(message: string) {
    this.message = message;
  }
}

const quote = 0x22;
const comma = 0x2c;
const minus = 0x2d;
const dot = 0x2e;
const zero = 0x30;
const colon = 0x3a;
const openBracket = 0x5b;
const backslash = 0x5c;
const closeBracket = 0x5d;
const openBrace = 0x7b;
const closeBrace = 0x7d;

export class JsonReader {
  readonly text: string;
  readonly #maxDepth: number;
  #at = 0;
  #depth = 0;

  constructor(text: string, maxDepth: number) {
    this.text = text;
    this.#maxDepth = maxDepth;
  }

  /** Where the next token starts, or where the last one ended. */
  get position(): number {
    return this.#at;
  }

  /** Any value. @throws JsonRefusal */
  value(): Json {
    switch (this.#peek()) {
      case quote:
        return this.string();
      case openBracket:
        return this.#array();
      case openBrace:
        return this.#object();
      case 0x74:
        return this.#word("true", true);
      case 0x66:
        return this.#word("false", false);
      case 0x6e:
        return this.#word("null", null);
      default:
        return this.#number();
    }
  }

  /**
   * Walks an object: `onMember` is called behind each colon and must read exactly one value.
   * @throws JsonRefusal
   */
  members(onMember: (key: string) => void): void {
    this.#open();
    if (this.#peek() !== closeBrace) {
      do {
        if (this.#peek() !== quote) throw new JsonRefusal("a key must be a string");
        const key = this.string();
        this.#expect(colon);
        this.#peek();
        onMember(key);
      } while (this.#skip(comma));
    }
    this.#close(closeBrace);
  }

  /** Nothing but white space may follow. @throws JsonRefusal */
  end(): void {
    if (!Number.isNaN(this.#peek())) throw new JsonRefusal("something follows the request");
  }

  startsObject(): boolean {
    return this.#peek() === openBrace;
  }

  /** A string; the reader stands on its quote. @throws JsonRefusal */
  string(): string {
    const { text } = this;
    const start = this.#at + 1;
    let at = start;
    let code = text.charCodeAt(at);
    while (code !== quote && code !== backslash && code >= 0x20) code = text.charCodeAt(++at);
    if (code === quote) {
      this.#at = at + 1;
      return text.slice(start, at);
    }
    return this.#escapedString(start, at);
  }

  /** The rare string with escapes: finds its end, checks each escape, and has JSON.parse put it together. */
  #escapedString(start: number, firstOdd: number): string {
    const { text } = this;
    let at = firstOdd;
    for (;;) {
      const code = text.charCodeAt(at);
      if (code === quote) break;
      if (code === backslash) at += this.#escapeLength(at);
      else if (code >= 0x20) at += 1;
      else
        throw new JsonRefusal(
          Number.isNaN(code) ? "a string has no end" : "a string has a control character",
        );
    }
    this.#at = at + 1;
    return JSON.parse(text.slice(start - 1, at + 1)) as string;
  }

  #escapeLength(at: number): number {
    const letter = this.text[at + 1] ?? "";
    if (letter === "u" && /^[0-9a-fA-F]{4}$/.test(this.text.slice(at + 2, at + 6))) return 6;
    if (letter !== "" && '"\\/bfnrt'.includes(letter)) return 2;
    throw new JsonRefusal("a string has a bad escape");
  }

  #array(): Json[] {
    this.#open();
    const values: Json[] = [];
    if (this.#peek() !== closeBracket) {
      do values.push(this.value());
      while (this.#skip(comma));
    }
    this.#close(closeBracket);
    return values;
  }

  #object(): Map<string, Json> {
    const members = new Map<string, Json>();
    this.members((key) => members.set(key, this.value()));
    return members;
  }

  #number(): number {
    const start = this.#at;
    if (this.text.charCodeAt(this.#at) === minus) this.#at += 1;
    // No other digit may follow a leading zero.
    if (this.text.charCodeAt(this.#at) === zero) this.#at += 1;
    else this.#digits();
    if (this.text.charCodeAt(this.#at) === dot) {
      this.#at += 1;
      this.#digits();
    }
    if ((this.text.charCodeAt(this.#at) | 0x20) === 0x65) {
      this.#at += 1;
      const sign = this.text.charCodeAt(this.#at);
      if (sign === 0x2b || sign === minus) this.#at += 1;
      this.#digits();
    }
    return Number(this.text.slice(start, this.#at));
  }

  #digits(): void {
    const start = this.#at;
    let code = this.text.charCodeAt(start);
    while (code >= zero && code <= 0x39) code = this.text.charCodeAt(++this.#at);
    if (this.#at === start) throw new JsonRefusal("a value is missing or misspelt");
  }

  #word<T>(word: string, value: T): T {
    if (!this.text.startsWith(word, this.#at)) throw new JsonRefusal("a value is missing or misspelt");
    this.#at += word.length;
    return value;
  }

  /** Code of the next character that is no white space; NaN at the end. */
  #peek(): number {
    let code = this.text.charCodeAt(this.#at);
    while (code === 0x20 || code === 0x0d || code === 0x09 || code === 0x0a)
      code = this.text.charCodeAt(++this.#at);
    return code;
  }

  #skip(code: number): boolean {
    if (this.#peek() !== code) return false;
    this.#at += 1;
    return true;
  }

  #expect(code: number): void {
    if (!this.#skip(code)) throw new JsonRefusal(`"${String.fromCharCode(code)}" is missing`);
  }

  #open(): void {
    this.#at += 1;
    this.#depth += 1;
    if (this.#depth > this.#maxDepth) throw new JsonRefusal(`it nests deeper than ${this.#maxDepth} levels`);
  }

  #close(code: number): void {
    this.#expect(code);
    this.#depth -= 1;
  }
}
