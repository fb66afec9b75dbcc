// Bytes of output: as text where they are text, else in base64.
import type { LogRecord } from './types.ts';

const encoder = new TextEncoder();

/** The bytes of a record. */
export function bytesOf({ text, base64 }: Pick<LogRecord, 'text' | 'base64'>): Uint8Array {
  return text === undefined ? fromBase64(base64 ?? '') : encoder.encode(text);
}

/** What the platform has, the fastest first; none of it is imported. */
interface Platform {
  Buffer?: { from(text: string, encoding: 'base64'): Uint8Array };
}

function fromBase64(text: string): Uint8Array {
  const { Buffer } = globalThis as Platform;
  if (Buffer !== undefined) return Buffer.from(text, 'base64');
  return Uint8Array.from(atob(text), (char) => char.charCodeAt(0));
}
