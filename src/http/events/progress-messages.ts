// How far an execution is, told in its stream: now and then, when it says something new. Nothing of it is stored, so that such a message
// has no id.
import { RefusedError } from '../../domain/errors.ts';
import type { Clock } from '../../domain/ports/clock.ts';
import { frameWithoutId, type SseClient } from '../edge/sse.ts';
import type { ProgressWire } from '../executions/progress.ts';

/** Between two looks. */
export const EACH_MS = 1000;

/**
 * Sends what is new until it is stopped, or the client is gone.
 *
 * @param look null while there is nothing to tell
 * @returns what stops it; resolves when nothing more is sent
 */
export function tellProgress(
  client: Pick<SseClient, 'send'>,
  executionId: string,
  { look, clock }: { look: () => Promise<ProgressWire | null>; clock: Pick<Clock, 'sleep'> },
): () => Promise<void> {
  const ending = new AbortController();
  const isEnding = () => ending.signal.aborted;
  const tell = async () => {
    let told = '';
    while (!isEnding()) {
      const progress = await look();
      const said = saidIn(progress);
      if (progress !== null && said !== null && said !== told && !isEnding()) {
        told = said;
        const data = JSON.stringify({ execution_id: executionId, ...progress });
        const sent = client.send(frameWithoutId('progress', data));
        if (sent !== true && !(await sent)) return;
      }
      await clock.sleep(EACH_MS, ending.signal).catch(() => undefined);
    }
  };
  const done = tell().catch((error: unknown) => {
    // It has been removed, or the store is away: the stream itself says so.
    if (!(error instanceof RefusedError)) throw error;
  });
  return () => {
    ending.abort();
    return done;
  };
}

/** What a command says; what it uses changes all the time. */
function saidIn(progress: ProgressWire | null): string | null {
  if (progress === null) return null;
  const { percent, message, metrics, bad_lines: bad } = progress;
  const isSilent = percent === null && message === null && Object.keys(metrics).length === 0 && bad === 0;
  return isSilent ? null : JSON.stringify([percent, message, metrics, bad]);
}
