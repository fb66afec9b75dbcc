import { join } from 'node:path';
import t, { type Test } from 'tap';
import { graphPlan, type KillableServer, runKilled } from '../helpers/plan-kills.ts';
import { withEnvironment } from '../helpers/processes.ts';
import { server } from '../helpers/server-process.ts';
import { tempDir } from '../helpers/temp.ts';

async function killable(t: Test, dir: string): Promise<KillableServer> {
  const env = {
    EXECUTION_DATA_DIR: join(dir, 'data'),
    EXECUTION_MAX_CONCURRENT: '8',
    EXECUTION_KILL_GRACE_MS: '500',
  };
  const process = await server(t, env);
  return {
    async call<T>(method: string, path: string, body?: unknown) {
      return (method === 'GET' ? process.get(path) : (await process.post(path, body)).json()) as Promise<T>;
    },
    async kill() {
      process.signal('SIGKILL');
      await process.ended();
    },
  };
}

t.test('steps that have finished do not run again when the server is killed', async (t) => {
  const dir = tempDir(t);
  const lines = join(dir, 'lines');
  const { problems, server } = await runKilled(graphPlan, lines, () => killable(t, dir), 2);
  t.same(problems, []);
  await server.kill();
  const last = await killable(t, dir);
  t.same(withEnvironment(`${dir}/data/work/`), [], 'nothing of a step is left');
  await last.kill();
});
