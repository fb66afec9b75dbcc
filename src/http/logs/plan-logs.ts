// The log of a plan: what all of its steps write, each line with the name of its step.
import type { FastifyInstance } from 'fastify';
import type { Clock, Log } from '../../domain/ports/clock.ts';
import type { Engine, PlanLogItem } from '../../engine/engine.ts';
import { type PlanLogsQuery, planLogsQuery } from '../plans/plan-schemas.ts';
import { streamed } from '../events/event-schemas.ts';
import { idParams } from '../edge/schemas.ts';
import { NOTHING_YET, type Piece, pump, sendHead } from '../edge/pump.ts';
import { checkQuery, isSearch, searchProblems } from '../edge/search-query.ts';
import { toFoundWire } from './log-formats.ts';
import { type Found, searchOf } from './log-search.ts';
import type { z } from 'zod';
import { clientGone } from '../edge/client-gone.ts';

const CONTENT_TYPES = { text: 'text/plain; charset=utf-8', ndjson: 'application/x-ndjson; charset=utf-8' };
/** A longer line is cut. */
const MAX_LINE = 16 * 1024;

export function planLogRoutes(
  app: FastifyInstance,
  options: { engine: Engine; clock: Clock; log: Log },
): void {
  const { engine, clock } = options;
  app.route<{ Params: z.infer<typeof idParams>; Querystring: PlanLogsQuery }>({
    method: 'GET',
    url: '/v1/plans/:id/logs',
    config: { access: 'read', refuses: [410, 429] },
    schema: {
      operationId: 'getPlanLog',
      summary: 'Read or follow the logs of all steps of a plan',
      description:
        'Returns the output of all steps; with `q` or `regex`, the lines that match. With `follow=true`, the response continues until the plan has finished. With `ndjson`, the schema describes one line.',
      tags: ['plans'],
      params: idParams,
      querystring: planLogsQuery,
      response: {
        200: {
          description: 'The log.',
          headers: ['LogEnd'],
          content: {
            'text/plain': { schema: { type: 'string' } },
            'application/x-ndjson': { schema: streamed.planLog },
          },
        },
      },
    },
    async handler(request, reply) {
      const { params, query, caller } = request;
      checkQuery(searchProblems(query));
      const shown = isSearch(query) ? searchOf(query, clock) : (items: AsyncIterable<Found>) => items;
      await engine.plans.own(caller, params.id);
      const isHead = request.method === 'HEAD';
      const logQuery = { stream: query.stream, follow: query.follow, step: query.step ?? null, shown };
      const hasTrailer = !isHead && request.raw.httpVersion !== '1.0';
      const head = {
        'content-type': CONTENT_TYPES[query.format],
        'x-accel-buffering': 'no',
        ...(hasTrailer ? { trailer: 'Log-End' } : {}),
      };
      if (isHead) return sendHead(reply, head);
      const items = engine.plans.readLog(caller, params.id, logQuery, clientGone(reply));
      await pump(reply, { status: 200, head, pieces: formatted(items, query.format) }, options);
    },
  });
}

async function* formatted(
  items: AsyncIterable<PlanLogItem<Found>>,
  format: PlanLogsQuery['format'],
): AsyncGenerator<Piece> {
  const lines = new Lines();
  for await (const one of items) {
    if (one.type === 'waiting') {
      yield NOTHING_YET;
    } else if (one.type === 'end') {
      if (format === 'text') yield { bytes: lines.rest() };
      const { complete, steps, records, stdoutBytes, stderrBytes } = one;
      const end = JSON.stringify({
        ...{ end: true, complete, steps, records, stdout_bytes: stdoutBytes, stderr_bytes: stderrBytes },
      });
      if (format === 'ndjson') yield { bytes: `${end}\n` };
      yield { end };
    } else if (one.item.type === 'gap') {
      if (format === 'text') yield { bytes: '--\n' };
    } else if (format === 'ndjson') {
      yield { bytes: `${JSON.stringify({ step: one.step, ...toFoundWire(one.item) })}\n` };
    } else if (one.item.type === 'match') {
      // The last line of a log may have no end.
      const { stream, bytes } = one.item.item.record;
      yield { bytes: lines.take(one.step, stream, bytes) + lines.rest() };
    } else {
      const { stream, bytes } = one.item.record;
      yield { bytes: lines.take(one.step, stream, bytes) };
    }
  }
}

/** Whole lines, each behind the name of its step. */
class Lines {
  readonly #open = new Map<
    string,
    { step: string; decoder: InstanceType<typeof TextDecoder>; text: string }
  >();

  take(step: string, stream: string, bytes: Uint8Array): string {
    const key = `${step} ${stream}`;
    const line = this.#open.get(key) ?? { step, decoder: new TextDecoder(), text: '' };
    const [...whole] = (line.text + line.decoder.decode(bytes, { stream: true })).split('\n');
    line.text = whole.pop() ?? '';
    while (line.text.length > MAX_LINE) {
      whole.push(line.text.slice(0, MAX_LINE));
      line.text = line.text.slice(MAX_LINE);
    }
    // A step that has ended its line leaves nothing here, unless a character is not whole yet.
    const isWhole = line.text === '' && (bytes.at(-1) ?? 0) < 0x80;
    if (isWhole) this.#open.delete(key);
    else this.#open.set(key, line);
    return whole.map((text) => `[${step}] ${text}\n`).join('');
  }

  /** Lines that have no end. */
  rest(): string {
    const open = [...this.#open.values()];
    this.#open.clear();
    return open.map(({ step, text }) => (text === '' ? '' : `[${step}] ${text}\n`)).join('');
  }
}
