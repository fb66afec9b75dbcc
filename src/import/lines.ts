// Lines of a stream of bytes. Only a line feed ends one: other marks that Node.js takes for the end of a line may be in a text.
export async function* linesOf(bytes: AsyncIterable<Uint8Array | string>): AsyncGenerator<string> {
  const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
  let pieces: string[] = [];
  for await (const piece of bytes) {
    let text = typeof piece === 'string' ? piece : decoder.decode(piece, { stream: true });
    for (let end = text.indexOf('\n'); end !== -1; end = text.indexOf('\n')) {
      pieces.push(text.slice(0, end));
      yield pieces.join('');
      pieces = [];
      text = text.slice(end + 1);
    }
    pieces.push(text);
  }
  pieces.push(decoder.decode());
  const last = pieces.join('');
  if (last !== '') yield last;
}
