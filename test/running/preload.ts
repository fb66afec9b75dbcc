// Loaded before the worker: gives tap our domains. Threads of the program load it too, and have no use for tap, which would
// speak on their channel.
import { registerHooks } from 'node:module';
import { isMainThread } from 'node:worker_threads';

if (isMainThread) {
  const url = new URL('domain.ts', import.meta.url).href;
  const hooks = registerHooks({
    resolve: (name, context, next) =>
      name === 'async-hook-domain' ? { url, shortCircuit: true } : next(name, context),
  });
  await import('tap');
  hooks.deregister();
}
