// Events and output as they go over the wire, in streams and to webhooks. What is the same for all who follow is made once.
import { LRUCache } from 'lru-cache';
import { type EventRecord, phaseAfter, statusAfter } from '../../domain/execution/events.ts';
import { type FinishedExecution, resultValue } from '../../domain/execution/execution.ts';
import type { LowBalance, Silence, Told } from '../../domain/webhooks/webhooks.ts';
import type { LogPiece } from '../../engine/engine.ts';
import type { z } from 'zod';
import type { event } from './event-schemas.ts';
import { frameOf } from '../edge/sse.ts';
import { isoOrNull, isoTime } from '../edge/times.ts';
import { toError, toOutcome } from '../executions/wire.ts';

export type EventWire = z.infer<typeof event>;

/**
 * What is told of an event: to a stream, and as the data of a webhook.
 *
 * @param execution that of a last event, for its result; null leaves that out
 */
export function toEventWire(record: EventRecord, execution: FinishedExecution | null = null): EventWire {
  const { end } = record;
  return {
    execution_id: record.executionId,
    sequence: record.sequence,
    type: record.type,
    time: isoTime(record.at),
    status: statusAfter(record),
    phase: toPhase(record),
    attempt: record.attempt,
    kind: record.kind,
    operation: record.operation,
    task_id: record.taskId,
    labels: record.labels,
    plan_id: record.plan?.id ?? null,
    step: record.plan?.step ?? record.step,
    ...(end === null
      ? {}
      : {
          outcome: toOutcome(end.outcome),
          error: toError(end.outcome),
          ...(execution === null ? {} : { result: resultValue(execution.result) }),
          output: {
            stdout_bytes: end.output.stdoutBytes,
            stderr_bytes: end.output.stderrBytes,
            stdout_kept_bytes: end.output.stdoutKeptBytes,
            stderr_kept_bytes: end.output.stderrKeptBytes,
            truncated: end.output.truncated,
            complete: end.isComplete,
          },
          log:
            end.log === null
              ? null
              : {
                  attempt: end.log.attempt,
                  seq: end.log.records,
                  cursor: `${end.log.attempt}.${end.log.bytes}`,
                },
        }),
  };
}

/** The data of a webhook. */
export function toToldWire(told: Told, execution: FinishedExecution | null): object {
  if (told.type === 'low_balance') return toLowBalanceWire(told);
  return told.type === 'silent' ? toSilenceWire(told) : toEventWire(told, execution);
}

function toSilenceWire({
  type,
  at,
  userId,
  schedule,
  silentAfterMs,
  completedAt,
  executionId,
}: Silence): object {
  const facts = { user_id: userId, schedule: schedule.name, schedule_id: schedule.id };
  const last = { last_completed: isoOrNull(completedAt), last_id: executionId };
  return { type, time: isoTime(at), ...facts, silent_after_ms: silentAfterMs, ...last };
}

function toLowBalanceWire(low: LowBalance): object {
  const { type, at, userId, balance, threshold, executionId, position } = low;
  const facts = { user_id: userId, balance, threshold, execution_id: executionId, position };
  return { type, time: isoTime(at), ...facts };
}

function toPhase(record: EventRecord): EventWire['phase'] {
  const phase = phaseAfter(record);
  return phase === 'joined' ? 'queued' : phase;
}

const strict = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** Bytes without loss: as text when they are valid UTF-8. */
export function textOrBase64(bytes: Uint8Array): { text: string } | { base64: string } {
  try {
    return { text: strict.decode(bytes) };
  } catch {
    return { base64: Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('base64') };
  }
}

function toOutputWire(executionId: string, piece: LogPiece): object {
  const { attempt, stream, seq, time, end, bytes } = piece;
  const data = { execution_id: executionId, attempt, stream, seq, time: isoTime(time) };
  return { ...data, ...textOrBase64(bytes), cursor: `${attempt}.${end}` };
}

/** All messages with results that are kept, bytes. */
const RESULTS_BYTES = 8 * 1024 * 1024;

/** Last events with results. They are large, so that only some are kept for others who follow. */
export class ResultFrames {
  readonly #frames = new LRUCache<string, Buffer, () => Promise<Buffer>>({
    maxSize: RESULTS_BYTES,
    sizeCalculation: (frame) => frame.length + 200,
    fetchMethod: (_key, _stale, { context }) => context(),
  });

  readonly #find: (record: EventRecord) => Promise<FinishedExecution | null>;

  /** @param find the execution that a last event speaks of; null when it has been removed */
  constructor(find: (record: EventRecord) => Promise<FinishedExecution | null>) {
    this.#find = find;
  }

  async ofEvent(id: string, record: EventRecord): Promise<Buffer> {
    const make = async () =>
      Buffer.from(frameOf(id, record.type, JSON.stringify(toEventWire(record, await this.#find(record)))));
    const key = `${record.executionId} ${id}`;
    return (await this.#frames.fetch(key, { context: make })) ?? make();
  }
}

/** Messages of one sort of stream, kept as long as what they tell is kept. */
export class Frames {
  readonly #events = new WeakMap<EventRecord, { id: string; frame: Buffer }>();
  readonly #output = new WeakMap<LogPiece, { id: string; frame: Buffer }>();

  ofEvent(id: string, record: EventRecord): Buffer {
    const known = this.#events.get(record);
    if (known?.id === id) return known.frame;
    const frame = Buffer.from(frameOf(id, record.type, JSON.stringify(toEventWire(record))));
    this.#events.set(record, { id, frame });
    return frame;
  }

  ofOutput(id: string, executionId: string, piece: LogPiece): Buffer {
    const known = this.#output.get(piece);
    if (known?.id === id) return known.frame;
    const frame = Buffer.from(frameOf(id, 'output', JSON.stringify(toOutputWire(executionId, piece))));
    this.#output.set(piece, { id, frame });
    return frame;
  }
}
