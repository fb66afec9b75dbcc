import { once } from 'node:events';
import { openSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { type Found, lookElsewhere } from '../../src/runner-host/node/elsewhere.ts';
import { checkFound, launch } from '../../src/runner-host/node/launch.ts';
import { filesOf } from '../../src/runner-host/node/slow-disks.ts';
import type { Start } from '../../src/runner-host/protocol.ts';
import { hangingDisk } from '../helpers/hanging-disk.ts';
import { hangingStarts, hostContract } from '../helpers/host-contract.ts';
import { isLongRun } from '../helpers/rounds.ts';
import { tempDir } from '../helpers/temp.ts';

const command = [process.execPath, 'src/runner-host/node/main.ts'] as const;
// The native host shows the contract in `npm test`.
if (isLongRun) hostContract(t, [...command]);
hangingStarts(t, [...command]);

t.test('a start on a disk that may not answer is looked at and made by a process of its own', async (t) => {
  const dir = tempDir(t);
  const make = (name: string, text: string, mode = 0o755) => {
    writeFileSync(join(dir, name), text, { mode });
    return join(dir, name);
  };
  make('plain', 'true', 0o644);
  make('works', '#!/bin/sh\necho "$0 $1 $PWD"\n');
  make('lost', '#!/no/such/interpreter\n');
  const marked = make('marked', '\ufefftrue\n');
  const env = ['PATH=/usr/bin:/bin', 'A=b'];
  const whole = (more: Partial<Start>): Start =>
    ({
      ...{ cwd: dir, privateDir: dir, program: './works', args: ['a b'], env, marker: 'M=1' },
      ...{
        scriptFile: '',
        script: null,
        limits: null,
        scalars: [],
        root: '',
        layerBytes: 0,
        proxy: '',
        ...more,
      },
    }) as Start;
  const found: [Partial<Start>, Found][] = [
    [{}, 'all'],
    [{ program: 'sh' }, 'all'],
    [{ program: 'cat', scriptFile: marked }, 'marked'],
    [{ cwd: '/no/such' }, 'noDirectory'],
    [{ cwd: '/etc/passwd' }, 'notDirectory'],
    [{ program: './plain' }, 'notExecutable'],
    [{ program: './lost' }, 'noInterpreter'],
    [{ program: './none' }, 'noProgram'],
  ];
  const never = new Promise<void>(() => undefined);
  for (const [more, what] of found) {
    const one = whole(more);
    t.equal(await lookElsewhere(one, filesOf(one), never), what, what);
    if (what !== 'all') t.throws(() => checkFound(one, what));
  }
  const output = openSync(join(dir, 'output'), 'w');
  const child = await launch(whole({}), null, [null, output, output]);
  t.same(await once(child, 'exit'), [0, null]);
  t.equal(readFileSync(join(dir, 'output'), 'utf8'), `./works a b ${dir}\n`);
  // It has been looked at, and the disk hangs only now.
  const hasEnded = Promise.withResolvers<null>();
  t.teardown(() => hasEnded.promise);
  const disk = await hangingDisk(t);
  if (disk === null) return hasEnded.resolve(null);
  const hanging = await launch(whole({ cwd: `${disk}/d` }), null, [null, output, output]);
  // Once the disk has its question, the system lets it go only after the disk has gone.
  hanging.once('exit', () => hasEnded.resolve(null));
  hanging.kill('SIGKILL');
});
