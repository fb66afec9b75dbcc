// Bytes of an artifact. The key is in a header, so the browser cannot simply follow a link.
import type { Execd } from '../../../src/client/connect.ts';

/** All of it, or its first bytes. */
export async function blobOf(execd: Execd, id: string, path: string, firstBytes?: number): Promise<Blob> {
  const { data, error } = await execd.api.GET('/v1/executions/{id}/artifacts/{path}', {
    params: { path: { id, path } },
    ...(firstBytes !== undefined && { headers: { range: `bytes=0-${firstBytes - 1}` } }),
    parseAs: 'blob',
  });
  if (data instanceof Blob) return data;
  throw new Error(error?.detail ?? `execd did not send ${path}`);
}

/** Formats that run nothing: a picture as SVG could. */
const PICTURES: Readonly<Record<string, string>> = {
  ...{ png: 'image/png', jpg: 'image/jpeg', jpeg: 'image/jpeg', gif: 'image/gif', webp: 'image/webp' },
};

/** The media type that a browser is told for a picture; null for any other file. Its name decides, not what execd calls it. */
export const pictureType = (path: string): string | null =>
  PICTURES[path.split('.').at(-1)?.toLowerCase() ?? ''] ?? null;

/** Text of bytes; null where they are no text. A character may be cut off at the end. */
export function textOf(bytes: Uint8Array): string | null {
  const text = new TextDecoder('utf-8').decode(bytes);
  const bad = text.slice(0, -4).split(/[\ufffd\0]/).length - 1;
  return bad > text.length / 100 ? null : text;
}
