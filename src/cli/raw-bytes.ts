// The bytes of a response as fast as Node.js reads them: with `fetch`, a large log takes several times the processor time.
import type { Place } from './settings.ts';

/** A response in which nothing comes for so long is dead. */
const SILENCE_MS = 45_000;

/**
 * Reads a response piece by piece, waiting for each one to be taken. Resolves when nothing more comes: at its end, where the
 * connection breaks, and at once when the answer is not 200. What is missing then is to be read in another way.
 *
 * @throws what `take` throws
 */
export async function readBytes(
  place: Place,
  path: string,
  take: (bytes: Uint8Array) => Promise<void>,
): Promise<void> {
  const { url, api_key: key, user } = place;
  const target = new URL(url.replace(/\/+$/, '') + path);
  const headers = {
    ...(key === undefined || key === '' ? {} : { authorization: `Bearer ${key}` }),
    ...(user === undefined || user === '' ? {} : { 'execution-user': user }),
  };
  const { get } = await (target.protocol === 'https:' ? import('node:https') : import('node:http'));
  return new Promise((resolve, reject) => {
    let hasAnswer = false;
    const request = get(target, { headers, agent: false, timeout: SILENCE_MS }, (response) => {
      hasAnswer = true;
      let taking = Promise.resolve();
      response.on('close', () => void taking.then(resolve));
      if (response.statusCode !== 200) return void request.destroy();
      response.on('data', (bytes: Buffer) => {
        response.pause();
        taking = take(bytes).then(
          () => void response.resume(),
          (error: unknown) => {
            reject(error);
            request.destroy();
          },
        );
      });
    });
    request.on('timeout', () => request.destroy());
    // `close` follows an error, and settles the promise.
    request.on('error', () => undefined);
    request.on('close', () => {
      if (!hasAnswer) resolve();
    });
  });
}
