// Lines of JSON as they come over the network, in batches: all whole lines of a piece together.

/** Whole lines of a body. What stands behind the last line break when the body ends is a line that was cut: it is dropped. */
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
      if (lines.length > 0) yield lines.map((line) => JSON.parse(line) as unknown);
    }
  } finally {
    // Whoever leaves early leaves the connection, too.
    await reader.cancel().catch(() => undefined);
  }
}
