import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { VERSION } from '../../src/runner-host/protocol.ts';
import { ESCAPES, TOKEN } from '../helpers/escapes.ts';
import { hangingStarts, Host, hostContract } from '../helpers/host-contract.ts';
import { isAlive, killSeen, until, withArgument } from '../helpers/processes.ts';
import { raw } from '../helpers/raw-frames.ts';
import { tempDir } from '../helpers/temp.ts';

// `npm test` builds it before, where there is a compiler; test/native/run.sh names the one with the sanitizers.
const program = process.env.EXECD_NATIVE_HOST ?? 'build/runner-host';

if (existsSync(program)) {
  hostContract(t, [program]);
  hangingStarts(t, [program]);
  ofItsOwn(t);
} else t.pass('the native host was not built here: there is no compiler');

/** What this host does beyond the contract. */
function ofItsOwn(t: Test): void {
  const token = () => String(Math.random()).slice(2, 12);

  for (const [how, command] of ESCAPES) {
    t.test(`after a cancel nothing lives of ${how}`, async (t) => {
      const host = await new Host(t, [program]).greet();
      const [own, others] = [token(), token()];
      t.teardown(() => killSeen(withArgument(others)));
      const bystander = host.start(`(setsid env -i sleep 1000.${others} &); echo up; sleep 1000`);
      const ref = host.start(command.replaceAll(TOKEN, own));
      for (const one of [bystander, ref]) await host.next('growth', (reply) => reply.ref === one);
      await until('both are there', () => withArgument(own).length > 0 && withArgument(others).length > 0);
      host.write(raw.stop(ref, 'cancelled', 200));
      t.match(await host.exited(ref), { cause: 'cancelled', survivors: 0 });
      t.same(withArgument(own), []);
      // Its setsid may not have ended yet, when it is looked for at once.
      await until('what another attempt has started lives on', () => withArgument(others).length === 1);
    });
  }

  t.test('what is just being started is not taken for a process of one that is being killed', async (t) => {
    const host = await new Host(t, [program]).greet();
    const hopper = ESCAPES.at(-1)?.[1] ?? '';
    for (let round = 0; round < 8; round++) {
      const own = token();
      const ref = host.start(hopper.replaceAll(TOKEN, own));
      await host.next('growth', (reply) => reply.ref === ref);
      await until('it is there', () => withArgument(own).length > 0);
      // It is chased while these begin, one after the other, each alone beside it.
      host.write(raw.stop(ref, 'cancelled', 0));
      const ended = host.exited(ref);
      for (let i = 0; i < 5; i++) {
        const end = await host.run('echo begun; exit 5');
        t.match(end, { cause: 'exited', exitCode: 5, stdoutBytes: 6 }, `round ${round}`);
      }
      t.match(await ended, { survivors: 0 });
    }
  });

  t.test(
    'logs of commands that write nothing are names of one file; who writes has one of its own',
    async (t) => {
      const host = await new Host(t, [program]).greet();
      const inode = (ref: number) => statSync(`${host.path(ref)}.log`).ino;
      const run = async (command: string) => {
        const ref = host.start(command);
        t.match(await host.exited(ref), { cause: 'exited', exitCode: 0 });
        return ref;
      };
      const [first, second, third] = [await run('true'), await run('true'), await run('true')];
      t.equal(inode(second), inode(first));
      t.equal(inode(third), inode(first));
      const loud = [await run('echo one'), await run('echo two')];
      t.equal(new Set([first, ...loud].map(inode)).size, 3);
      t.same(
        loud.map((ref) => host.log(ref)),
        ['one\n', 'two\n'],
      );
      t.equal(host.log(first), '');
      t.same(
        readdirSync(host.dir).filter((name) => name.endsWith('.new')),
        [],
      );
      for (const ref of [first, second, third]) rmSync(`${host.path(ref)}.log`);
      t.equal(host.log(await run('true')), '', 'what they were names of may be removed');
    },
  );

  t.test('no script is busy because the host starts something else while it writes it', async (t) => {
    if (!readFileSync(program).includes('/ld-linux'))
      return void t.pass(
        'a host that is linked statically loads no library: `npm run test:native` has one that does',
      );
    const dir = tempDir(t);
    const [library, spawns] = [join(dir, 'slow-spawn.so'), join(dir, 'spawns')];
    const args = ['-shared', '-fPIC', '-o', library, 'test/fixtures/slow-spawn.c'];
    const { status, error } = spawnSync(process.env.CC ?? 'cc', args, { stdio: 'inherit' });
    if (status !== 0) return void t.pass(`there is no compiler to make the case with: ${error?.message}`);
    // The sanitizer's own library would be the first.
    const asan = 'ASAN_OPTIONS=verify_asan_link_order=0';
    const slow = [asan, `LD_PRELOAD=${library}`, `SLOW_SPAWNS=${spawns}`, program];
    const host = await new Host(t, ['/usr/bin/env', ...slow]).greet();
    const source = `#!/bin/sh\nmkdir -p a/b/c && echo made\n# ${'x'.repeat(1_000_000)}\n`;
    const refs = Array.from({ length: 40 }, (_, i) => {
      const path = join(host.dir, `${i}.script`);
      return host.start('', { program: path, args: [], script: { path, source } });
    });
    for (const ref of refs) {
      const end = await host.ended(ref);
      t.match(end, { type: 'exited', exitCode: 0, stdoutBytes: 5 });
    }
    await until('directories were removed meanwhile', () => existsSync(spawns));
    t.ok(readFileSync(spawns).length > 0);
  });

  t.test('a daemon without an environment is killed when its attempt ends by itself', async (t) => {
    const host = await new Host(t, [program]).greet();
    const own = token();
    const end = await host.run(`(setsid env -i sleep 1000.${own} > /dev/null 2>&1 &); sleep 0.1; exit 3`);
    t.match(end, { cause: 'exited', exitCode: 3, leftovers: 1, survivors: 0 });
    t.same(withArgument(own), []);
  });

  t.test('it is found by the next host, also when the first was killed', async (t) => {
    const old = await new Host(t, [program]).greet();
    const own = token();
    const ref = old.start(`(setsid env -i sleep 1000.${own} &); echo up; sleep 1000`);
    await old.next('growth');
    await until('it is there', () => withArgument(own).length === 1);
    old.kill();
    await old.gone();
    const host = await new Host(t, [program]).greet();
    host.write(raw.sweep(1, [old.marker(ref)], []));
    t.match(await host.next('swept'), { survivors: 0 });
    t.same(withArgument(own), []);
  });

  t.test('what has taken off its tag is killed with the last attempt that it can be of', async (t) => {
    const host = await new Host(t, [program]).greet();
    const own = token();
    const ref = host.start(
      `(ulimit -x 1; setsid env -i sleep 1000.${own} & sleep 0.2) & sleep 0.1; echo up; sleep 1000`,
    );
    await host.next('growth');
    await until('it is there', () => withArgument(own).length === 1);
    host.write(raw.stop(ref, 'cancelled', 500));
    t.match(await host.exited(ref), { survivors: 0 });
    t.same(withArgument(own), []);
  });

  t.test('the process of an attempt dies with the host', async (t) => {
    const host = await new Host(t, [program]).greet();
    host.start('sleep 1000');
    const { pid } = await host.next('started');
    host.kill();
    await until('it is dead', () => !isAlive(pid));
    t.pass('it is');
  });

  t.test('a command cannot gain privileges', async (t) => {
    const host = await new Host(t, [program]).greet();
    const end = await host.run('grep NoNewPrivs /proc/self/status');
    t.match(end.stdoutTail.toString(), /NoNewPrivs:\s+1/);
  });

  t.test('it says of itself whether it works here', async (t) => {
    const host = new Host(t, [program, '--check', String(VERSION)]);
    t.match(await host.gone(), { code: 0 });
    t.match(await new Host(t, [program, '--check', '1']).gone(), { code: 1 }, 'another protocol');
  });
}
