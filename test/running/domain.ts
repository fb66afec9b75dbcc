// Finds the test that an error belongs to which nobody caught. tap asks async-hook-domain, which follows each promise by
// hooks: a sixth of the processor time of all tests that run in the process. What a test begins has its context anyway.
import { AsyncLocalStorage, AsyncResource, executionAsyncResource } from 'node:async_hooks';

type OnError = (error: unknown, origin: string) => void;

const running = new AsyncLocalStorage<Domain>();

/** What tap makes for each test, within the resource in which it then runs the test. */
export class Domain {
  readonly onerror: OnError;

  constructor(onerror: OnError) {
    this.onerror = onerror;
    const resource = executionAsyncResource();
    // That of the whole process has none.
    if (!(resource instanceof AsyncResource)) return;
    const run = resource.runInAsyncScope.bind(resource);
    resource.runInAsyncScope = (fn, self, ...args) =>
      run(() => running.run(this, () => fn.apply(self as never, args)));
  }

  /** Its context ends with what it began: nothing is held. */
  destroy(): undefined {
    return undefined;
  }
}

// A rejection that nobody handles comes as an exception.
process.on('uncaughtException', (error, origin) => {
  const domain = running.getStore();
  if (domain === undefined) throw error;
  domain.onerror(error, origin);
});
