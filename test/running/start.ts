// Starts the worker with our domains in the place of those of tap.
import { registerHooks } from 'node:module';

const url = new URL('domain.ts', import.meta.url).href;
const hooks = registerHooks({
  resolve: (name, context, next) =>
    name === 'async-hook-domain' ? { url, shortCircuit: true } : next(name, context),
});
await import('./worker.ts');
hooks.deregister();
