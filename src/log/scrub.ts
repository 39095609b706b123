/**
 * The last look at a line before it leaves: whatever a caller, a library's error or a stack trace put into it, secrets
 * do not get out. Works on the finished line, so that no depth of nesting hides anything.
 */
const removed = "[redacted]";

// Miners choose part of what is logged: each expression below takes time in proportion to the line, whatever is in it.

/** Members whose value is nobody's business, whatever it is. */
const secretMembers =
  /("(?:[^"\\]*(?:password|passwd|secret|token|authorization|cookie|private_?key))"\s*:\s*)("(?:[^"\\]|\\.)*"|-?\d[\d.eE+-]*)/gi;
/** `scheme://user:password@` */
const loginsInUrls = /(:\/\/[^\s"/:@]*):[^\s"/@]+@/g;
/** The HTTP header, where it stands in a text. */
const authorizationHeaders = /\b(basic|bearer)\s+[A-Za-z0-9+/=._~-]{8,}/gi;

/** Shorter secrets would match ordinary text; they are caught by the name of their member only. */
const shortestSecret = 6;

/** @param secrets Known values (passwords from the configuration) that must not appear anywhere. */
export function createScrubber(secrets: readonly string[]): (line: string) => string {
  const spellings = new Set(secrets.filter(({ length }) => length >= shortestSecret).flatMap(spellingsOf));
  // The longest first: a secret that contains another must not leave its rest behind.
  const known = [...spellings].sort((a, b) => b.length - a.length);
  return (line) => {
    let clean = line
      .replace(secretMembers, `$1"${removed}"`)
      .replace(loginsInUrls, `$1:${removed}@`)
      .replace(authorizationHeaders, `$1 ${removed}`);
    for (const secret of known) {
      if (clean.includes(secret)) clean = clean.replaceAll(secret, removed);
    }
    return clean;
  };
}

/** As it is, inside JSON text, and inside a URL. */
function spellingsOf(secret: string): string[] {
  return [secret, JSON.stringify(secret).slice(1, -1), encodeURIComponent(secret)];
}
