// Searching in a log, in slices, so that the page goes on meanwhile.
import { plainText } from './ansi.ts';
import type { LogStore } from './log-store.ts';

const SLICE = 20_000;
const MOST_FINDS = 100_000;

/** Numbers of the lines that have a text, the first one first. `onFound` is called after each slice. */
export async function search(
  store: LogStore,
  query: string,
  { signal, onFound }: { signal: AbortSignal; onFound: (numbers: readonly number[]) => void },
): Promise<void> {
  const needle = query.toLowerCase();
  const found: number[] = [];
  for (let number = store.dropped + 1; number <= store.dropped + store.length; number++) {
    if (
      plainText(store.textOf(number - store.dropped - 1))
        .toLowerCase()
        .includes(needle)
    )
      found.push(number);
    if (found.length === MOST_FINDS) break;
    if (number % SLICE !== 0) continue;
    onFound([...found]);
    await new Promise((resolve) => window.setTimeout(resolve, 0));
    if (signal.aborted) return;
  }
  onFound(found);
}

const ERROR =
  /\b(error|fatal|exception|traceback|panic|segmentation fault|failed|failure|undefined reference|cannot|denied)\b/i;

/** The index of the first line that looks like an error: by its words, or else the first one of standard error. */
export function firstError(store: LogStore): number | null {
  let onStderr: number | null = null;
  for (let index = 0; index < store.length; index++) {
    if (ERROR.test(plainText(store.textOf(index)))) return index;
    if (onStderr === null && store.streamOf(index) === 'stderr') onStderr = index;
  }
  return onStderr;
}
