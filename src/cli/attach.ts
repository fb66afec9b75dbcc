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

/** What runs on the server, and how the terminal shows it and ends it. */
export interface Watched<Ended> {
  id: string;
  /** Until it has ended, or the signal says that it is left alone. */
  follow: (signal: AbortSignal) => Promise<Ended>;
  cancel: (reason: string) => Promise<unknown>;
  /** Prints how it ended. Returns the exit code. */
  tell: (ended: Ended, isInterrupted: boolean) => Promise<number>;
  /** The command that shows it again. */
  comeBack: string;
}

/** Shows something until it has ended. The first Ctrl-C cancels it; the second leaves it alone and returns. */
export async function watched<Ended extends { status: string }>(
  { terminal }: Session,
  { id, follow, cancel, tell, comeBack }: Watched<Ended>,
): Promise<number> {
  let cancelling: Promise<unknown> = Promise.resolve();
  const interrupts = new Interrupts((signal) => {
    cancelling = terminal
      .note(`${signal}: cancelling ${id}; Ctrl-C again leaves it running and returns`, 'yellow')
      .then(() => cancel(`interrupted by ${signal} at the terminal`))
      .catch((error: unknown) => terminal.error(`cannot cancel ${id}: ${(error as Error).message}`));
  });
  try {
    const ended = await follow(interrupts.detached);
    await cancelling;
    const code = await tell(ended, interrupts.hasCome);
    return ended.status === 'cancelled' && interrupts.hasCome ? interrupts.exitCode : code;
  } catch (error) {
    if (interrupts.detached.aborted) {
      await terminal.error(`${id} continues. To follow it again: ${comeBack}`, 'yellow');
      return interrupts.exitCode;
    }
    if (error instanceof PipeClosedError) {
      // What writes into a closed pipe here is ended by SIGPIPE.
      await cancel('the reader of its output has ended');
      return EXIT.brokenPipe;
    }
    if (error instanceof ConnectionError)
      throw new Exit(
        EXIT.disconnected,
        `${error.message}. ${id} may still run. To follow it again: ${comeBack}`,
      );
    throw error;
  } finally {
    interrupts.close();
  }
}

/** Follows an execution to its end; the exit code of its command is the answer. */
export async function attach(
  session: Session,
  id: string,
  pass: (session: Session, id: string, signal: AbortSignal) => Promise<void> = async () => undefined,
): Promise<number> {
  const { terminal, client } = session;
  return watched(session, {
    id,
    async follow(signal) {
      // When the command has ended, nobody waits for what is still to be read here.
      const passed = pass(session, id, signal).then(() => new Promise<never>(() => undefined));
      await Promise.race([copyOutput(session, id, signal), passed]);
      return client.wait(id, { signal });
    },
    cancel: (reason) => client.cancel(id, { reason }),
    async tell(ended, isInterrupted) {
      await explain(terminal, ended, isInterrupted);
      if (session.isJson) await terminal.json(ended);
      return exitOf(ended);
    },
    comeBack: `execd attach ${id}`,
  });
}

async function copyOutput(session: Session, id: string, signal: AbortSignal): Promise<void> {
  // With --json the execution is the output.
  if (session.isJson) return;
  try {
    await copyLog(session, session.client.follow(id, { signal }));
  } catch (error) {
    if (!(error instanceof ProblemError) || error.type !== 'output_not_streamed') throw error;
    await session.terminal.note('this server does not stream output; execd shows it at the end');
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
    await terminal.error(`the log has the first ${kept} of ${all} bytes of output`, 'yellow');
  }
  for (const { message } of warnings) await terminal.error(message, 'yellow');
  if (error === null || outcome?.cause === 'exited' || (outcome?.cause === 'cancelled' && isInterrupted))
    return;
  const told = outcome?.cause === 'signalled' ? terminal.note.bind(terminal) : terminal.error.bind(terminal);
  await told(`${error.message} (${id})`);
}
