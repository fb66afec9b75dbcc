// Lines of JSON as they come over the network, in batches: all whole lines of a piece together.
import { BrokenStreamError } from './connections.ts';

/**
 * Whole lines of a body. What comes after the last line break when the body ends is a line that was cut: it is dropped.
 *
 * @throws BrokenStreamError for a line that is not JSON
 */
export async function* jsonLines(
  body: ReadableStream<Uint8Array>,
  onBytes: () => void,
): AsyncGenerator<unknown[], void> {
  const decoder = new TextDecoder();
  const reader = body.getReader();
  let rest = '';
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      onBytes();
      const lines = (rest + decoder.decode(value, { stream: true })).split('\n');
      rest = lines.pop() ?? '';
      if (lines.length > 0) yield lines.map(parsed);
    }
  } finally {
    // Whoever leaves early leaves the connection, too.
    await reader.cancel().catch(() => undefined);
  }
}

function parsed(line: string): unknown {
  try {
    return JSON.parse(line) as unknown;
  } catch (error) {
    throw new BrokenStreamError(`a line is not JSON: ${(error as Error).message}`);
  }
}
