/**
 * What is said on the control socket: one request and one answer on each connection, each a line of JSON.
 *
 *   → {"version":1,"command":"bans-lift","request":{"network":"192.0.2.7"}}
 *   ← {"version":1,"ok":true,"answer":{"lifted":1,"stillBannedBy":null}}
 *   ← {"version":1,"ok":false,"code":"BAN_NETWORK_INVALID","message":"…","hint":"…"}
 */
import { z } from "zod";
import { PoolError } from "../errors.ts";

export const controlVersion = 1;

export const maxRequestBytes = 16_384;
/** Some 70,000 bans, as many as there can be, take half of it. */
export const maxAnswerBytes = 16_777_216;

export const maxMessageCharacters = 256;
export const maxDrainSeconds = 86_400;

const nothing = z.strictObject({});
const network = z.string().min(1).max(64);
const count = z.number().int().min(0);

const ban = z.object({
  network,
  /** Wall clock, milliseconds since 1970. */
  untilMs: z.number(),
  /** What it is for; "command" for an operator's. */
  cause: z.string().max(64),
  /** The how many-th in a row; 0 for an operator's. */
  round: count,
});

/** Everything that a running pool can be told: a closed list. */
const commands = {
  "bans-list": { request: nothing, answer: z.object({ bans: z.array(ban) }) },
  /** `network`: an address or CIDR. */
  "bans-add": {
    request: z.strictObject({ network, forSeconds: z.number().positive() }),
    answer: z.object({ ban }),
  },
  /** `network`: null for all. `stillBannedBy`: a wider ban that goes on. */
  "bans-lift": {
    request: z.strictObject({ network: network.nullable() }),
    answer: z.object({ lifted: count, stillBannedBy: network.nullable() }),
  },
  /** Shows a text to all miners that show messages. The answer: connections that it was sent to. */
  message: {
    request: z.strictObject({
      // Control characters could do anything to the screen that shows it.
      text: z
        .string()
        .min(1)
        .max(maxMessageCharacters)
        .regex(/^\P{Cc}+$/u),
    }),
    answer: z.object({ connections: count }),
  },
  /** Asks all miners to reconnect, spread over a time. The answer: connections that will be asked. */
  drain: {
    request: z.strictObject({
      to: z
        .strictObject({
          host: z.string().regex(/^[A-Za-z0-9._:-]{1,253}$/),
          port: z.number().int().min(1).max(65_535),
        })
        .nullable(),
      overSeconds: z.number().min(0).max(maxDrainSeconds),
    }),
    answer: z.object({ connections: count }),
  },
} as const;

type Commands = typeof commands;
export type ControlCommand = keyof Commands;
export type ControlRequest<C extends ControlCommand> = z.infer<Commands[C]["request"]>;
export type ControlAnswer<C extends ControlCommand> = z.infer<Commands[C]["answer"]>;

/** What the pool does at each command. A PoolError that one throws is the answer. */
export type ControlHandlers = {
  readonly [C in ControlCommand]: (
    request: ControlRequest<C>,
  ) => ControlAnswer<C> | Promise<ControlAnswer<C>>;
};

const requestEnvelope = z.object({ version: z.unknown(), command: z.string(), request: z.unknown() });

const answerEnvelope = z.discriminatedUnion("ok", [
  z.object({ ok: z.literal(true), answer: z.unknown() }),
  z.object({ ok: z.literal(false), code: z.string(), message: z.string(), hint: z.string() }),
]);

export function encodeRequest<C extends ControlCommand>(command: C, request: ControlRequest<C>): string {
  return `${JSON.stringify({ version: controlVersion, command, request })}\n`;
}

/**
 * Reads a request and has the right one of the handlers answer it.
 * @throws PoolError CONTROL_VERSION_UNKNOWN, CONTROL_COMMAND_UNKNOWN, CONTROL_REQUEST_MALFORMED, and what the handler throws.
 */
export async function handleRequest(line: string, handlers: ControlHandlers): Promise<object> {
  const envelope = requestEnvelope.safeParse(jsonOf(line));
  if (!envelope.success) throw malformedRequest("it is no request at all");
  const { version, command, request } = envelope.data;
  if (version !== controlVersion) {
    throw new PoolError(
      "CONTROL_VERSION_UNKNOWN",
      `The running pool speaks version ${controlVersion} of its control protocol, the command another one.`,
      "Use the `penstock` of the version that runs.",
    );
  }
  if (!isCommand(command)) {
    throw new PoolError(
      "CONTROL_COMMAND_UNKNOWN",
      `The running pool knows no command ${JSON.stringify(command.slice(0, 64))}.`,
      "Use the `penstock` of the version that runs.",
    );
  }
  return await handle(command, request, handlers);
}

async function handle<C extends ControlCommand>(
  command: C,
  request: unknown,
  handlers: ControlHandlers,
): Promise<ControlAnswer<C>> {
  const checked = commands[command].request.safeParse(request);
  if (!checked.success) throw malformedRequest(faultOf(checked.error));
  return await handlers[command](checked.data as ControlRequest<C>);
}

export function encodeAnswer(answer: object): string {
  return `${JSON.stringify({ version: controlVersion, ok: true, answer })}\n`;
}

export function encodeFailure({ code, message, hint }: PoolError): string {
  return `${JSON.stringify({ version: controlVersion, ok: false, code, message, hint })}\n`;
}

/** @throws PoolError what the pool said, or CONTROL_ANSWER_MALFORMED. */
export function readAnswer<C extends ControlCommand>(command: C, line: string): ControlAnswer<C> {
  const envelope = answerEnvelope.safeParse(jsonOf(line));
  if (!envelope.success) throw malformedAnswer(faultOf(envelope.error));
  if (!envelope.data.ok) {
    const { code, message, hint } = envelope.data;
    throw new PoolError(code, message, hint);
  }
  const answer = commands[command].answer.safeParse(envelope.data.answer);
  if (!answer.success) throw malformedAnswer(faultOf(answer.error));
  return answer.data as ControlAnswer<C>;
}

function isCommand(name: string): name is ControlCommand {
  return Object.hasOwn(commands, name);
}

function jsonOf(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch {
    return undefined; // the schema refuses it
  }
}

function faultOf(error: z.ZodError): string {
  const issue = error.issues[0];
  return issue === undefined ? "it is not as expected" : `${issue.path.join(".") || "it"}: ${issue.message}`;
}

function malformedRequest(why: string): PoolError {
  return new PoolError(
    "CONTROL_REQUEST_MALFORMED",
    `The running pool does not understand the request: ${why}.`,
    "Use the `penstock` of the version that runs.",
  );
}

function malformedAnswer(why: string): PoolError {
  return new PoolError(
    "CONTROL_ANSWER_MALFORMED",
    `The running pool's answer is not understood: ${why}.`,
    "Use the `penstock` of the version that runs.",
  );
}
