import t from 'tap';
import { type Disk, DiskWatch } from '../../src/engine/upkeep/disk-watch.ts';
import { fakeClock } from '../helpers/clock.ts';

t.test(
  'a disk that cannot be written is noticed, named by its setting, and noticed again when it can',
  async (t) => {
    const clock = fakeClock();
    let probe: () => Promise<void> = () => Promise.resolve();
    let probes = 0;
    const disk: Disk = {
      name: 'logs',
      what: 'EXECUTION_LOG_DIR',
      probe: () => {
        probes += 1;
        return probe();
      },
    };
    const lines: string[] = [];
    const write = (_facts: object, message: string) => void lines.push(message);
    const watch = new DiskWatch([disk], clock, { debug: write, info: write, warn: write, error: write });
    const system = (code: string, words: string) => () =>
      Promise.reject(Object.assign(new Error(`${code}: ${words}, open '/secret/.probe'`), { code }));
    watch.start();
    await clock.advance(5000);
    t.equal(probes, 2, 'now and then');
    t.same(watch.problems(), { logs: null });
    probe = system('ENOSPC', 'no space left on device');
    watch.suspect();
    await clock.advance(0);
    const problem =
      'EXECUTION_LOG_DIR cannot be written: no space left on device (ENOSPC). Free some space or repair the disk; execd tries again every second.';
    t.same(watch.problems(), { logs: problem }, 'at once when an attempt has failed');
    await clock.advance(1000);
    probe = system('EROFS', 'read-only file system');
    await clock.advance(1000);
    t.match(watch.problems(), { logs: /read-only file system \(EROFS\)/ });
    probe = () => Promise.resolve();
    await clock.advance(1000);
    t.same(watch.problems(), { logs: null }, 'by itself');
    t.same(lines, [problem, 'EXECUTION_LOG_DIR can be written again']);
    let answer: () => void = () => undefined;
    probe = () => new Promise((resolve) => (answer = resolve));
    watch.suspect();
    await clock.advance(9999);
    t.same(watch.problems(), { logs: null });
    const before = probes;
    await clock.advance(1);
    watch.suspect();
    t.match(watch.problems(), { logs: /cannot be written: no answer for 10 s/ });
    t.equal(probes, before, 'one that hangs is waited for by no second one');
    answer();
    await clock.advance(0);
    t.same(watch.problems(), { logs: null });
    watch.stop();
    await clock.advance(60_000);
    t.equal(probes, before);
  },
);
