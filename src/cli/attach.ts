// An execution in the terminal as if it ran here: its output, byte for byte, its end as exit code, Ctrl-C.
import {
  ConnectionError,
  type Execution,
  type LogChunk,
  type LogStream,
  ProblemError,
} from '../client/index.ts';
import { Exit, EXIT, exitOf } from './exits.ts';
import { Interrupts } from './interrupts.ts';
import type { Session } from './session.ts';
import { PipeClosedError, type Terminal } from './terminal.ts';

/** What comes after a submission: its id, or all that follows of it. */
export async function begun(
  session: Session,
  run: { id: string },
  isDetached: boolean,
  follow: (session: Session, id: string) => Promise<number> = attach,
): Promise<number> {
  session.submitted(run);
  if (!isDetached) return follow(session, run.id);
  if (session.isJson) await session.terminal.json(run);
  else await session.terminal.line(run.id);
  return EXIT.ok;
}

/** Follows an execution to its end; the exit code of its command is the answer. */
export async function attach(session: Session, id: string): Promise<number> {
  const { terminal, client } = session;
  let cancelling: Promise<unknown> = Promise.resolve();
  const interrupts = new Interrupts((signal) => {
    cancelling = cancel(session, id, signal);
  });
  const signal = interrupts.detached;
  try {
    await copyOutput(session, id, signal);
    const ended = await client.wait(id, { signal });
    await cancelling;
    await explain(terminal, ended, interrupts.hasCome);
    if (session.isJson) await terminal.json(ended);
    return ended.status === 'cancelled' && interrupts.hasCome ? interrupts.exitCode : exitOf(ended);
  } catch (error) {
    if (signal.aborted) {
      await terminal.error(`left ${id} alone. ${comeBack(id)}`, 'yellow');
      return interrupts.exitCode;
    }
    if (error instanceof PipeClosedError) {
      // What writes into a closed pipe here is ended by SIGPIPE.
      await client.cancel(id, { reason: 'the reader of its output has gone' });
      return EXIT.brokenPipe;
    }
    if (error instanceof ConnectionError)
      throw new Exit(EXIT.disconnected, `${error.message}. ${id} may still run. ${comeBack(id)}`);
    throw error;
  } finally {
    interrupts.close();
  }
}

const comeBack = (id: string): string => `To come back: execd attach ${id}`;

async function cancel({ terminal, client }: Session, id: string, signal: string): Promise<void> {
  await terminal.note(`${signal}: cancelling ${id}; once more leaves it alone and returns`, 'yellow');
  try {
    await client.cancel(id, { reason: `interrupted by ${signal} at the terminal` });
  } catch (error) {
    await terminal.error(`cannot cancel ${id}: ${(error as Error).message}`);
  }
}

async function copyOutput(session: Session, id: string, signal: AbortSignal): Promise<void> {
  // With --json the execution is the output.
  if (session.isJson) return;
  try {
    await copyLog(session, session.client.follow(id, { signal }));
  } catch (error) {
    if (!(error instanceof ProblemError) || error.type !== 'output_not_streamed') throw error;
    await session.terminal.note('this server does not stream output; it comes at the end');
    await session.client.wait(id, { signal });
    await copyLog(session, session.client.logs(id, { signal }));
  }
}

/** Writes a log to standard output and error, in its order. */
export async function copyLog(session: Session, log: LogStream): Promise<void> {
  const { out, err } = session.terminal;
  for await (const batch of log.batches()) {
    session.isBack();
    for (const run of runsOf(batch)) {
      const bytes = Buffer.concat(run.map((chunk) => chunk.bytes));
      await (run[0]?.stream === 'stderr' ? err : out).write(bytes);
    }
  }
}

/** Pieces of one stream that follow each other, to be written together. */
function runsOf(batch: readonly LogChunk[]): LogChunk[][] {
  const runs: LogChunk[][] = [];
  for (const chunk of batch) {
    const last = runs.at(-1);
    if (last?.[0]?.stream === chunk.stream) last.push(chunk);
    else runs.push([chunk]);
  }
  return runs;
}

/** Says what an exit code cannot: nothing where a command ended by itself. */
async function explain(
  terminal: Terminal,
  { id, outcome, error, output, warnings }: Execution,
  isInterrupted: boolean,
): Promise<void> {
  if (output.truncated) {
    const [kept, all] = [
      output.stdout_kept_bytes + output.stderr_kept_bytes,
      output.stdout_bytes + output.stderr_bytes,
    ];
    await terminal.error(`the log keeps the first ${kept} of ${all} bytes of output`, 'yellow');
  }
  for (const { message } of warnings) await terminal.error(message, 'yellow');
  if (error === null || outcome?.cause === 'exited' || (outcome?.cause === 'cancelled' && isInterrupted))
    return;
  const told = outcome?.cause === 'signalled' ? terminal.note.bind(terminal) : terminal.error.bind(terminal);
  await told(`${error.message} (${id})`);
}
