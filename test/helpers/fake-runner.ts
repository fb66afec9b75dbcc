// A runner whose attempts begin and end when the test says so.
import { NO_OUTPUT } from '../../src/domain/execution/execution.ts';
import type { Outcome } from '../../src/domain/outcome.ts';
import type {
  AttemptListener,
  AttemptName,
  AttemptReport,
  AttemptStart,
  HttpRunner,
  RequestStart,
  Runner,
  RunnerStatus,
  RunningAttempt,
  StopRequest,
} from '../../src/domain/ports/runner.ts';
import { tell } from './heard.ts';
import { EXIT_0 } from './records.ts';

export interface FakeAttempt {
  start: AttemptStart | RequestStart;
  stops: StopRequest[];
  extensions: [number, number | null][];
  /** What it answers to an extension. */
  extends: boolean | Promise<boolean>;
  begin(at?: number): void;
  grow(stdoutBytes: number): void;
  end(outcome?: Outcome): void;
  interrupt(isStarted: boolean): void;
}

export interface FakeRunner extends Omit<Runner, 'run'> {
  run(start: AttemptStart | RequestStart, listener: AttemptListener): RunningAttempt;
  /** Attempts that were asked for and have not ended, oldest first. */
  live: FakeAttempt[];
  /** How many were live at the same time, at most. */
  most: number;
  swept: AttemptName[];
  /** How long what it runs may go on; null: without an end. */
  leased: { until: number; graceMs: number } | null;
  /** Called with each new attempt. */
  onRun: (attempt: FakeAttempt) => void;
}

export function fakeRunner(): FakeRunner {
  const runner: FakeRunner = {
    live: [],
    most: 0,
    swept: [],
    leased: null,
    onRun: () => undefined,
    start: async () => undefined,
    discard: () => undefined,
    stop: async () => undefined,
    lease: (until, graceMs) => void (runner.leased = { until, graceMs }),
    status: (): RunnerStatus => ({
      name: 'fake',
      pid: 1,
      restarts: 0,
      isReady: true,
      problem: null,
      tiers: ['none'],
    }),
    sweep: async (attempts) => {
      runner.swept.push(...attempts);
      return 0;
    },
    run(start, listener): RunningAttempt {
      let report: (report: AttemptReport) => void = () => undefined;
      const ended = new Promise<AttemptReport>((resolve) => (report = resolve));
      const leave = (one: AttemptReport) => {
        runner.live = runner.live.filter((other) => other !== attempt);
        report(one);
        tell();
      };
      const attempt: FakeAttempt = {
        start,
        stops: [],
        extensions: [],
        extends: true,
        begin: (at = 1) => listener.started(42, at),
        grow: (stdoutBytes) => listener.growth({ stdoutBytes, stderrBytes: 0 }),
        end(outcome = EXIT_0) {
          const end = { startedAt: 1, endedAt: 2, output: NO_OUTPUT, resources: null, logComplete: true };
          leave({ type: 'ended', outcome, end, tails: { stdout: '', stderr: '' }, response: null });
        },
        interrupt: (isStarted) => leave({ type: 'interrupted', detail: 'runner_host_died', isStarted }),
      };
      runner.live.push(attempt);
      runner.most = Math.max(runner.most, runner.live.length);
      runner.onRun(attempt);
      tell();
      return {
        ended,
        stop(request) {
          attempt.stops.push(request);
          tell();
        },
        extend: (attemptMs, idleMs) => {
          attempt.extensions.push([attemptMs, idleMs]);
          tell();
          return Promise.resolve(attempt.extends);
        },
      };
    },
  };
  return runner;
}

/** HTTP requests as attempts of the same runner. */
export function fakeRequests(runner: FakeRunner): HttpRunner {
  return { run: (start, listener) => runner.run(start, listener), close: async () => undefined };
}
