// Bodies of executions that are looked at again and again while they run.
import type { FastifyReply, FastifyRequest } from 'fastify';
import t from 'tap';
import { NO_OUTPUT } from '../../src/domain/execution/execution.ts';
import type { Clock } from '../../src/domain/ports/clock.ts';
import type { Engine, ExecutionView } from '../../src/engine/engine.ts';
import { ExecutionAnswers } from '../../src/http/executions/execution-answers.ts';
import type { ExecutionWire } from '../../src/http/executions/schemas.ts';
import { etagOf } from '../../src/http/executions/wire.ts';
import { newExecution } from '../helpers/records.ts';

const attempt = { number: 1, runner: 'native', claimedAt: 2, startedAt: null, endedAt: null, outcome: null };
const execution = {
  ...newExecution(),
  ...{ status: 'running', phase: 'starting', revision: 2, createdAt: 1, queuedAt: 1, cancel: null },
  attempts: [{ ...attempt, output: NO_OUTPUT, resources: null }],
} as unknown as ExecutionView['execution'];
const view: ExecutionView = {
  ...{ execution, phase: 'starting', startedAt: null, live: null, pid: null, told: null, queue: null },
};
const progress = { percent: 1, message: null, metrics: {}, estimated_end: null, bad_lines: 0 };
const used = { cpu_ms: 1, memory_bytes: 1 };
const reply = { header: () => reply, type: () => reply } as unknown as FastifyReply;

t.test(
  'a body is the same text while nothing has changed, and a new one as soon as anything has',
  async (t) => {
    let written = 0;
    const answers = new ExecutionAnswers({
      engine: {} as Engine,
      clock: {} as Clock,
      logPath: (runId, number) => `/logs/${runId}.${number}.${(written += 1)}`,
    });
    const read = (shown: ExecutionView & { progress?: object }, ...scopes: string[]) => {
      const request = { caller: { scopes: new Set(scopes) } } as unknown as FastifyRequest;
      return answers.polledBody(request, reply, { view: shown as ExecutionView, etag: etagOf(shown) });
    };
    const seen = (text: string) => JSON.parse(text) as ExecutionWire;
    t.match(seen(read(view)), { phase: 'starting', progress: null, timestamps: { started: null } });
    t.notMatch(read(view), /log_path/);
    t.match(seen(read(view, 'admin')), { output: { log_path: /\.1\.1$/ } });
    t.equal(read(view, 'admin'), read({ ...view }, 'admin'));
    t.equal(written, 1);
    t.notMatch(read(view), /log_path/, 'nobody sees what an administrator has seen');

    const running: ExecutionView = { ...view, phase: 'running', startedAt: 3 };
    t.match(seen(read(running)), { phase: 'running', timestamps: { started: '1970-01-01T00:00:00.003Z' } });
    const live = { stdoutBytes: 4, stderrBytes: 5 };
    t.match(seen(read({ ...running, live })), { output: { stdout_bytes: 4, stderr_bytes: 5 } });
    live.stdoutBytes = 6;
    t.match(seen(read({ ...running, live })), { output: { stdout_bytes: 6 } }, 'counted in place');
    t.match(seen(read({ ...running, progress: { ...progress, ...used } })), { progress: { cpu_ms: 1 } });
    t.match(seen(read({ ...running, progress: { ...progress, ...used, cpu_ms: 2 } })), {
      progress: { cpu_ms: 2 },
    });
    const queue = { position: 7, reason: 'no_free_slot' } as const;
    t.match(seen(read({ ...view, queue })), { queue: { position: 7 } });
    t.match(seen(read({ ...view, queue: { ...queue, position: 6 } })), { queue: { position: 6 } });
    t.match(seen(read(view)), { phase: 'starting', queue: null });
  },
);
