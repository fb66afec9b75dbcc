// The records of a file, one by one: a line of JSON each (NDJSON), or the elements of one JSON array.
import { createReadStream, promises as fs } from 'node:fs';
import { createInterface } from 'node:readline';
import { parseJson } from '../domain/exact-json.ts';
import { measureJson } from '../domain/json.ts';

/** A record, or what is wrong with it, and where it is. */
export type Item = { place: string } & ({ value: unknown } | { wrong: string });

/** Of a record. */
const MAX_BYTES = 4 * 1024 * 1024;
const MAX_SIZE = { depth: 64, members: 100_000, width: 50_000 };
/** Of an array, which is read as a whole. */
const MAX_ARRAY_BYTES = 256 * 1024 * 1024;
/** Within which an array begins. */
const HEAD_BYTES = 1024;

/** @throws Error when it cannot be read, or is an array that is none */
export async function* readFile(path: string): AsyncGenerator<Item, void, undefined> {
  if (await isArray(path)) yield* elements(path);
  else yield* lines(path);
}

async function isArray(path: string): Promise<boolean> {
  const file = await fs.open(path);
  try {
    const { buffer, bytesRead } = await file.read(Buffer.alloc(HEAD_BYTES), 0, HEAD_BYTES, 0);
    return /^\ufeff?\s*\[/.test(buffer.toString('utf8', 0, bytesRead));
  } finally {
    await file.close();
  }
}

async function* lines(path: string): AsyncGenerator<Item, void, undefined> {
  let number = 0;
  for await (const line of createInterface({ input: createReadStream(path), crlfDelay: Infinity })) {
    number += 1;
    if (line.trim() !== '') yield itemOf(`line ${number}`, line.replace(/^\ufeff/, ''));
  }
}

async function* elements(path: string): AsyncGenerator<Item, void, undefined> {
  const { size } = await fs.stat(path);
  if (size > MAX_ARRAY_BYTES) {
    throw new Error(
      `${path} has ${size} bytes; a JSON array may have ${MAX_ARRAY_BYTES}. Write one record a line instead (jq -c '.[]')`,
    );
  }
  const text = (await fs.readFile(path, 'utf8')).replace(/^\ufeff/, '');
  // JSON.parse overflows no stack, but what looks into the value does.
  const { depth } = measureJson(Buffer.from(text), { ...NO_BOUND, depth: MAX_SIZE.depth + 1 });
  if (depth > MAX_SIZE.depth + 1)
    throw new Error(`${path}: the records are nested more than ${MAX_SIZE.depth} levels deep`);
  const values = parseJson(text) as unknown[];
  for (const [i, value] of values.entries()) yield { place: `element ${i}`, value };
}
const NO_BOUND = { members: Infinity, width: Infinity };

function itemOf(place: string, line: string): Item {
  const bytes = Buffer.from(line);
  if (bytes.length > MAX_BYTES)
    return { place, wrong: `has ${bytes.length} bytes; a record may have ${MAX_BYTES}` };
  const { depth, members, width } = measureJson(bytes, MAX_SIZE);
  if (depth > MAX_SIZE.depth) return { place, wrong: `is nested more than ${MAX_SIZE.depth} levels deep` };
  if (members > MAX_SIZE.members || width > MAX_SIZE.width) return { place, wrong: 'has too many members' };
  try {
    return { place, value: parseJson(line) };
  } catch (error) {
    return { place, wrong: `is not JSON: ${(error as Error).message}` };
  }
}
