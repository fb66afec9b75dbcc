// Tar archives, as POSIX has them (pax): long names and large files have a record of their own.
export interface Entry {
  path: string;
  size: number;
  mode: number;
  /** Seconds since the epoch. */
  time: number;
  bytes: () => AsyncIterable<Uint8Array>;
}

const BLOCK = 512;
const MOST_NAME = 100;
/** The largest size that eleven octal digits hold. */
const MOST_SIZE = 8 ** 11 - 1;

export async function* tar(entries: Iterable<Entry>): AsyncGenerator<Uint8Array> {
  for (const entry of entries) {
    const { path, size, mode, time } = entry;
    const records = paxRecords(entry);
    if (records.length > 0) {
      yield header({ path: 'pax', size: records.length, mode: 0o644, time, type: 'x' });
      yield records;
      yield padding(records.length);
    }
    yield header({ path, size: Math.min(size, MOST_SIZE), mode, time, type: '0' });
    yield* entry.bytes();
    yield padding(size);
  }
  yield Buffer.alloc(2 * BLOCK);
}

function paxRecords({ path, size }: Entry): Buffer {
  const fields: [string, string][] = [];
  if (Buffer.byteLength(path) > MOST_NAME) fields.push(['path', path]);
  if (size > MOST_SIZE) fields.push(['size', String(size)]);
  return Buffer.concat(fields.map(([name, value]) => Buffer.from(record(name, value))));
}

/** A record begins with its own length. */
function record(name: string, value: string): string {
  const rest = ` ${name}=${value}\n`;
  const bytes = Buffer.byteLength(rest);
  let length = bytes + String(bytes).length;
  length = bytes + String(length).length;
  return `${length}${rest}`;
}

function header({ path, size, mode, time, type }: Omit<Entry, 'bytes'> & { type: string }): Buffer {
  const block = Buffer.alloc(BLOCK);
  const octal = (value: number, at: number, length: number) =>
    block.write(`${value.toString(8).padStart(length - 1, '0')}\0`, at, 'latin1');
  Buffer.from(path).copy(block, 0, 0, MOST_NAME);
  octal(mode, 100, 8);
  octal(0, 108, 8);
  octal(0, 116, 8);
  octal(size, 124, 12);
  octal(time, 136, 12);
  block.write('        ', 148, 'latin1');
  block.write(type, 156, 'latin1');
  block.write('ustar\0' + '00', 257, 'latin1');
  const sum = block.reduce((total, byte) => total + byte, 0);
  block.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148, 'latin1');
  return block;
}

const padding = (size: number): Buffer => Buffer.alloc((BLOCK - (size % BLOCK)) % BLOCK);
