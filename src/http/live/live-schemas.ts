// What clients say to a command that runs, and what they get for it.
import { z } from 'zod';
import { terminalSize } from '../../domain/spec/spec.ts';
import { SIGNALS, STOP_SCOPES } from '../../domain/stop.ts';
import { digits, flag } from '../edge/query.ts';
import { LOG_CURSOR } from '../logs/log-schemas.ts';
import { count } from '../edge/schemas.ts';

const MAX_WAIT_S = 60;
const wait = digits(
  0,
  MAX_WAIT_S,
  'How long to wait, seconds: until the command runs, and each time it does not read its input.',
).default(30);

export const inputQuery = z.strictObject({
  offset: digits(
    0,
    Number.MAX_SAFE_INTEGER,
    'The place of the first byte of the body in the input. execd skips bytes that it has. Default: after these.',
  ).optional(),
  close: flag().default(false).describe('Whether the input ends after these bytes.'),
  wait,
});

export const inputState = z
  .strictObject({
    execution_id: z.string().describe('The execution.'),
    attempt: z.int().describe('The attempt that reads it.'),
    offset: count.describe('Bytes of input that execd has taken in for this attempt.'),
    open: z.boolean().describe('Whether it takes more.'),
  })
  .describe('The input of an execution.');

export const signalBody = z.strictObject({
  signal: z.enum(SIGNALS).describe('The signal.'),
  scope: z
    .enum(STOP_SCOPES)
    .optional()
    .describe('`all` (default): every process of the command gets it. `main`: the first process gets it.'),
});

export const signalSent = z
  .strictObject({
    execution_id: z.string().describe('The execution.'),
    attempt: z.int().describe('The attempt that it was sent to.'),
    signal: z.enum(SIGNALS).describe('The signal.'),
    scope: z.enum(STOP_SCOPES).describe('The processes that get it.'),
  })
  .describe('A signal that was sent.');

export const attachQuery = z.strictObject({
  cursor: z
    .string()
    .regex(LOG_CURSOR, 'must be ATTEMPT.OFFSET, as cursor in a record of the log')
    .optional()
    .describe('Send the output after this position of the log. Default: from the beginning.'),
});

/** What a client says over a WebSocket, beside its input. */
export const attachMessage = z.discriminatedUnion('type', [
  z.strictObject({
    type: z.literal('close_input'),
    offset: z.int().min(0).max(Number.MAX_SAFE_INTEGER),
  }),
  z.strictObject({ type: z.literal('resize'), ...terminalSize.shape }),
  z.strictObject({ type: z.literal('signal'), ...signalBody.shape }),
]);
export type AttachMessage = z.infer<typeof attachMessage>;

export const liveComponents = {
  InputState: inputState,
  CommandSignal: signalBody,
  CommandSignalSent: signalSent,
};
