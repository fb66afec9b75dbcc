import { spawn } from 'node:child_process';
import t from 'tap';
import { ProcessTable } from '../../src/runner-host/node/process-table.ts';
import { killSeen, until, withEnvironment } from '../helpers/processes.ts';

t.test('searches of one turn each find their own, whether they are young or old', async (t) => {
  const table = new ProcessTable('EXECD_TEST');
  const marker = (i: number) => `EXECD_TEST=${process.pid}-${i}`;
  const family = (i: number) => {
    const [name = '', value = ''] = marker(i).split('=');
    const child = spawn('bash', ['-c', 'setsid sleep 100 & sleep 100'], {
      detached: true,
      stdio: 'ignore',
      env: { PATH: '/usr/bin:/bin', [name]: value },
    });
    t.teardown(() => killSeen(withEnvironment(marker(i))));
    return { child, leader: table.add(child.pid ?? 0, marker(i)) };
  };
  const families = [1, 2, 3].map(family);
  await until('they are all there', () => [1, 2, 3].every((i) => withEnvironment(marker(i)).length === 3));
  for (const round of ['young', 'old']) {
    // Beyond a second the process numbers are no longer trusted to tell the age.
    if (round === 'old') await new Promise((resolve) => setTimeout(resolve, 1100));
    const found = await Promise.all(families.map(({ leader }) => table.find(leader)));
    found.forEach((processes, i) => {
      t.same(new Set(processes.map(({ pid }) => pid)), new Set(withEnvironment(marker(i + 1))), round);
    });
  }
});

t.test('the number of a reaped leader in other hands is not taken for its group', async (t) => {
  const table = new ProcessTable('EXECD_TEST');
  const stranger = spawn('sleep', ['100'], { detached: true, stdio: 'ignore' });
  t.teardown(() => stranger.kill('SIGKILL'));
  await until('it runs', () => stranger.pid !== undefined);
  const leader = table.add(stranger.pid ?? 0, 'EXECD_TEST=of-somebody-who-is-gone');
  table.reaped(leader);
  t.same(await table.find(leader), []);
});
