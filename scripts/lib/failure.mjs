/**
 * Trouble while setting up, said in one line: what is wrong, then what to do.
 * The counterpart of src/errors.ts for scripts that must run before anything is installed.
 */
export class SetupFailure extends Error {
  name = "SetupFailure";

  /**
   * @param {string} message what and where
   * @param {string} hint how to fix it
   * @param {ErrorOptions} [options]
   */
  constructor(message, hint, options) {
    super(message, options);
    this.hint = hint;
  }
}

/** One line for a person. */
export function describeFailure(error) {
  // PoolError and the native build fail in the same way: a message, and a hint what to do.
  if (typeof error?.hint === "string") return `${error.message} ${error.hint}`;
  const fromSystem = systemFailure(error);
  if (fromSystem) return fromSystem;
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}

/** The system errors that a person can mend, by errno; undefined for all others. */
function systemFailure(error) {
  const where = error?.path ?? "the disk";
  switch (error?.code) {
    case "EACCES":
    case "EPERM":
      return `No permission to write ${where}. Run this as the owner of the folder, or copy the folder to a place of your own.`;
    case "EROFS":
      return `${where} is on a read-only file system. Copy the folder to a disk that can be written.`;
    case "ENOSPC":
    case "EDQUOT":
      return `No space left on the disk while writing ${where}. Free about 1 GB and run this again.`;
    default:
      return undefined;
  }
}
