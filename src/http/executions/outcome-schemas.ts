// How something ended, and the error that follows from it: of executions, plans, steps and events.
import { z } from 'zod';
import { LIMIT_NAMES } from '../../domain/limits.ts';
import { NETWORK_REFUSALS } from '../../domain/network.ts';
import { CAUSES, FINAL_STATUSES } from '../../domain/outcome.ts';
import { errorClass, errorCode, errorType, fault } from '../edge/words.ts';
import { filesEnd } from '../edge/file-words.ts';
import { time, count, ms } from '../edge/schemas.ts';

export const sentSignal = z
  .strictObject({
    signal: z.string().describe('For example `SIGTERM`.'),
    at: time.describe('When execd sent it.'),
  })
  .describe('A signal that execd sent.');

export const networkRefusal = z
  .strictObject({
    host: z.string().describe('With its port.'),
    reason: z
      .enum(NETWORK_REFUSALS)
      .describe(
        '`not_listed`: `network.allow` does not list it. `address`: it is an address and not a name. `not_public`: the name has an address that is not public. `byte_limit`: the attempt has used EXECUTION_SANDBOX_NETWORK_BYTES.',
      ),
  })
  .describe('A host that the proxy of a sandbox refused.');

export const networkRefusals = z
  .strictObject({
    reasons: z.partialRecord(z.enum(NETWORK_REFUSALS), count).describe('How many connections execd refused.'),
    hosts: z.array(networkRefusal).describe('The first 20 different ones.'),
  })
  .describe('Connections that the proxy of a sandbox refused.');

export const networkEnd = z
  .strictObject({
    connections: count.describe('Connections that reached their host.'),
    sent_bytes: count.describe('To all hosts.'),
    received_bytes: count.describe('From all hosts.'),
    refused: networkRefusals,
  })
  .describe('The connections of a sandbox whose network has listed hosts.');

export const processEnd = z
  .strictObject({
    exit_code: z.int().nullable().describe('Exit code of the first process; null if a signal ended it.'),
    signal: z.string().nullable().describe('Signal that ended the first process; null if it exited.'),
    forced: z.boolean().describe('Whether execd had to send SIGKILL after the grace.'),
    signals: z.array(sentSignal).describe('The signals that execd sent: the first of each kind.'),
    processes_found: count.describe(
      'Processes that were alive when execd ended the attempt; 0 if the command ended by itself.',
    ),
    leftover_processes: count.describe(
      'Processes, except the first, that outlived the first process or that execd had to kill.',
    ),
    survivors: count.describe('Processes whose end execd could not confirm.'),
    output_lost: z
      .boolean()
      .describe('execd ended a process that still held the output: the end of the output may be missing.'),
  })
  .describe('How the processes of an attempt ended.');

export const outcome = z
  .strictObject({
    cause: z.enum(CAUSES).describe('Why it ended. It decides which of the other fields are present.'),
    exit_code: z.int().optional().describe('For `exited`: the exit code.'),
    signal: z.string().optional().describe('For `signalled`: the signal.'),
    reason: z
      .string()
      .nullable()
      .optional()
      .describe('For `cancelled`: the reason of the request. For failed starts and calls: their error type.'),
    failed: count.optional().describe('For a plan: number of steps that failed.'),
    steps: z.array(z.string()).optional().describe('For a plan: the first steps that failed.'),
    message: z.string().nullable().optional().describe('The end as a sentence.'),
    detail: z.string().optional().describe('For `lost`: the cause of the interruption.'),
    limit_ms: ms.optional().describe('For timeouts: the exceeded limit, milliseconds.'),
    limit_bytes: count.optional().describe('For `output_limit`: the exceeded limit, bytes.'),
    limit: z.enum(LIMIT_NAMES).optional().describe('For `resource_limit`: the exceeded limit.'),
    limit_value: count.optional().describe('For `resource_limit`: its value.'),
    status: z.int().optional().describe('For `http_response`: the status.'),
    expected: z.boolean().optional().describe('For `http_response`: whether the status is a success.'),
    retry_after_ms: ms
      .nullable()
      .optional()
      .describe('When the target or the circuit allows the next try, milliseconds.'),
    circuit: z.string().optional().describe('For `circuit_open`: name of the circuit.'),
    exhausted: z
      .strictObject({
        attempts: z.int().min(1).describe('Attempts that were made.'),
        by: z.enum(['attempts', 'budget']).describe('The reached limit.'),
      })
      .optional()
      .describe('Present if execd would have retried, but had no attempts or no retry budget left.'),
    artifacts: filesEnd.optional(),
    network: networkEnd.optional(),
    ended_as: z.enum(FINAL_STATUSES).optional().describe('For `imported`: the status of the record.'),
    code: errorCode.nullable().optional().describe('For `imported`: the error code of the record.'),
    error_message: z
      .string()
      .nullable()
      .optional()
      .describe('For `imported`: the error message of the record.'),
    process: processEnd.nullable().optional().describe('How the processes ended; null without processes.'),
  })
  .describe('How an attempt or an execution ended.');

export const executionError = z
  .strictObject({
    code: errorCode,
    class: errorClass,
    type: errorType,
    fault,
    message: z.string().describe('The end as a sentence.'),
    details: outcome,
    retryable: z.boolean().describe('Whether another attempt can succeed.'),
  })
  .describe('Why an execution did not complete.');

export type OutcomeWire = z.infer<typeof outcome>;

/** What stands under its own name in the OpenAPI document. */
export const outcomeComponents = {
  Outcome: outcome,
  ProcessEnd: processEnd,
  NetworkEnd: networkEnd,
  NetworkRefusals: networkRefusals,
  NetworkRefusal: networkRefusal,
  SentSignal: sentSignal,
  ExecutionError: executionError,
};
