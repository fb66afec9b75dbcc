// Each isolation tier of the native host: the contract of all hosts at the stronger ones, and what each of them keeps a
// command from, beside a weaker one that does not.
import {
  chmodSync,
  chownSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { execFileSync } from 'node:child_process';
import { createServer, type Socket } from 'node:net';
import { dirname, join } from 'node:path';
import t, { type Test } from 'tap';
import { Host, hostContract, type TierUnderTest } from '../helpers/host-contract.ts';
import { until, withArgument } from '../helpers/processes.ts';
import { raw, type RawStart } from '../helpers/raw-frames.ts';
import { isLongRun } from '../helpers/rounds.ts';
import { makeSmallRoot } from '../helpers/small-root.ts';
import { tempDir } from '../helpers/temp.ts';
import { dirOutsideTmp, TIERS_UNDER_TEST, whyNot } from '../helpers/tiers.ts';

const NATIVE = [process.env.EXECD_NATIVE_HOST ?? 'build/runner-host'] as const;
const NODE = [process.execPath, 'src/runner-host/node/main.ts'] as const;
const token = () => String(Math.random()).slice(2, 12);
const greeted = (t: Test, tier: TierUnderTest) => new Host(t, NATIVE, tier).greet();
const { supervised, uid, sandbox } = TIERS_UNDER_TEST;

/** What a command prints. */
async function said(host: Host, command: string, more: Partial<RawStart> = {}): Promise<string> {
  const end = await host.run(command, more);
  return `${end.stdoutTail.toString()}${end.stderrTail.toString()}`.trim();
}

/** What a command prints on its standard output. */
async function shown(host: Host, command: string): Promise<string> {
  return (await host.run(command)).stdoutTail.toString().trim();
}

/** A socket of a server, for the sandboxes that are given it; without `serve` it returns a line with its name. */
async function proxySocket(
  t: Test,
  name: string,
  serve: (socket: Socket) => void = (socket) =>
    socket.once('data', (line) => socket.end(`${name}: ${line.toString()}`)),
) {
  let [open, most] = [0, 0];
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    open += 1;
    most = Math.max(most, open);
    socket.on('error', () => undefined).on('close', () => (open -= 1));
    serve(socket);
  });
  const path = join(tempDir(t), `${name}.socket`);
  await new Promise<void>((resolve) =>
    server.listen({ path, readableAll: true, writableAll: true }, resolve),
  );
  const tcp = createServer((socket) => socket.end());
  await new Promise<void>((resolve) => tcp.listen(0, '127.0.0.1', resolve));
  t.teardown(() => Promise.all([server, tcp].map((one) => new Promise((resolve) => one.close(resolve)))));
  const { port } = tcp.address() as { port: number };
  return { path, port, most: () => most };
}

/** Runs a test at a tier where this machine has it. */
function at(
  name: keyof typeof TIERS_UNDER_TEST,
  title: string,
  run: (t: Test, tier: TierUnderTest) => Promise<void>,
) {
  t.test(`${name}: ${title}`, async (t) => {
    const problem = whyNot(name);
    if (problem !== null) return void t.pass(`not tried: ${problem}`);
    await run(t, TIERS_UNDER_TEST[name]);
  });
}

// It is that of the native host, which has passed it without a tier; what a tier changes is below.
for (const name of isLongRun ? (['uid', 'sandbox'] as const) : []) {
  if (whyNot(name) === null) hostContract(t, NATIVE, TIERS_UNDER_TEST[name]);
  else t.pass(`the contract at the tier ${name} is not tried: ${whyNot(name)}`);
}

// ------------------------------------------------------------------------------------ the server, and others

const REACHES = (pid: number) => `
  cat /proc/${pid}/environ > /dev/null 2>&1 && echo environment
  (: < /proc/${pid}/mem) 2> /dev/null && echo memory
  ls /proc/${pid}/fd/ > /dev/null 2>&1 && echo descriptors
  kill -0 ${pid} 2> /dev/null && echo signals`;

/** What is open there asks the kernel as ptrace(2) does. */
const KILLS_ALL = (...pids: number[]) =>
  `for pid in ${pids.join(' ')}; do kill -0 $pid && exit 9; (: < /proc/$pid/mem) && exit 9; done; kill -9 -1; exit 3`;

for (const name of ['supervised', 'uid', 'sandbox', 'sandbox, uid'] as const) {
  const all = name === 'supervised' ? 'environment\nmemory\ndescriptors\nsignals' : '';

  at(
    name,
    `a command reaches ${all === '' ? 'nothing' : 'all'} of the host and of the server`,
    async (t, tier) => {
      const host = await greeted(t, tier);
      for (const pid of [process.pid, host.pid]) t.equal(await said(host, REACHES(pid)), all);
    },
  );

  // A host knows of no users of the service: those of one are kept apart as those of several are.
  const title = `ptrace/kill other executions of same tenant and of other tenants (${all === '' ? 'none' : 'all'})`;
  at(name, title, async (t, tier) => {
    const host = await greeted(t, tier);
    const own = token();
    host.start(`exec sleep 1000.${own}`);
    await until('it is there', () => withArgument(own).length === 1);
    const other = withArgument(own)[0] as number;
    t.equal(await said(host, REACHES(other)), all);
    // Where it is not kept from it, it would end all that runs on this machine.
    if (all === '') t.match(await host.run(KILLS_ALL(host.pid, other)), { cause: 'exited', exitCode: 3 });
    t.same(withArgument(own), [other]);
    t.equal(await said(host, 'echo on'), 'on', 'nor has the host minded');
  });

  at(name, 'it has no capability where it has a user of its own, and gains none', async (t, tier) => {
    const host = await greeted(t, tier);
    const status = await said(
      host,
      'grep -E "^(CapEff|CapPrm|CapAmb|NoNewPrivs|Groups)" /proc/self/status; id -u',
    );
    t.match(status, /NoNewPrivs:\t1/);
    if (name === 'supervised') return;
    t.match(status, /CapPrm:\t0{16}\nCapEff:\t0{16}\nCapAmb:\t0{16}/);
    if (tier.uidCount === 0) return;
    const id = Number(status.split('\n').at(-1));
    t.ok(id >= host.tier.firstUid && id < host.tier.firstUid + tier.uidCount, String(id));
    t.match(status, new RegExp(`Groups:\t(${id})? *\n`));
  });
}

// ------------------------------------------------------------------------------------------------ files

at('supervised', 'it writes wherever the host can', async (t, tier) => {
  const host = await greeted(t, tier);
  await host.run(`touch ${host.dir}/written`);
  t.ok(existsSync(join(host.dir, 'written')));
});

at(
  'uid',
  'it writes and reads nothing of another user, nor the private directory of another command',
  async (t, tier) => {
    const host = await greeted(t, tier);
    writeFileSync(join(host.dir, 'secret'), 'hunter2', { mode: 0o600 });
    const ref = host.start('echo mine > file; echo up; sleep 1000');
    await host.next('growth');
    const others = join(host.dir, `private-${ref}`);
    const command = `cat ${host.dir}/secret; ls ${host.dir}; ls ${others}; cat ${others}/file; touch ${host.dir}/x; ls -Ad .`;
    const answer = await said(host, command);
    t.equal(answer.match(/Permission denied/g)?.length, 5, answer);
    t.match(answer, /^\.$/m, 'its own it has');
  },
);

for (const name of ['sandbox', 'sandbox, uid'] as const) {
  at(name, 'all but its own places is read-only, and what is hidden is not there', async (t, tier) => {
    const dir = tier.makeDir(t);
    mkdirSync(join(dir, 'data'));
    writeFileSync(join(dir, 'data/secret'), 'hunter2', { mode: 0o644 });
    writeFileSync(join(dir, 'keys'), 'hunter2', { mode: 0o644 });
    writeFileSync(join(dir, 'seen'), 'seen', { mode: 0o644 });
    const hidden = [join(dir, 'data'), join(dir, 'keys'), join(dir, 'is-not-there')];
    const host = await greeted(t, { ...tier, hidden });
    const command = `cat ${dir}/seen; ls -A ${dir}/data; cat ${dir}/keys 2> /dev/null; touch written && cat written`;
    t.equal(await said(host, command), 'seen');
    for (const place of ['/', '/etc', '/usr/bin', dir, `${dir}/data`])
      t.match(
        await said(host, `touch ${place}/.execd-test`),
        /Read-only file system|Permission denied/,
        place,
      );
    t.notOk(existsSync('/etc/.execd-test'));
    t.match(await said(host, `echo 1 > /proc/sys/kernel/domainname`), /Read-only|Permission denied/);
  });

  at(
    name,
    'what is hidden is hidden by every link that leads to it, also one that is turned',
    async (t, tier) => {
      const dir = tier.makeDir(t);
      const write = (path: string, text: string) => {
        mkdirSync(dirname(join(dir, path)), { recursive: true });
        writeFileSync(join(dir, path), text, { mode: 0o644 });
      };
      write('one/value', 'secret-1');
      write('two/value', 'secret-2');
      write('tree/deep/value', 'secret-3');
      write('plain', 'secret-4');
      symlinkSync('one', join(dir, '..data'));
      symlinkSync('..data/value', join(dir, 'value'));
      symlinkSync(join(dir, 'value'), join(dir, 'chain'));
      symlinkSync(join(dir, 'tree'), join(dir, 'tree-link'));
      const hidden = ['chain', 'tree-link/deep', 'plain', 'tree/deep/value', 'is-not-there'];
      const host = await greeted(t, { ...tier, hidden: hidden.map((path) => join(dir, path)) });
      const everything = `cd ${dir}; cat one/value two/value value chain tree/deep/value tree-link/deep/value plain; ls tree/deep`;
      t.equal(await shown(host, everything), 'secret-2', 'all but what no hidden path leads to');
      rmSync(join(dir, '..data'));
      symlinkSync('two', join(dir, '..data'));
      t.equal(await shown(host, everything), 'secret-1', 'the link leads elsewhere now');
      host.write(raw.hide([join(dir, 'one'), join(dir, 'two')]));
      t.equal(await shown(host, everything), 'secret-3secret-3secret-4value', 'another list');
      host.write(raw.hide([]));
      t.match(await shown(host, everything), /^secret-1secret-2/);
    },
  );

  at(name, 'a sandbox does not start while a hidden path is a link that leads nowhere', async (t, tier) => {
    const dir = tier.makeDir(t);
    symlinkSync(join(dir, 'later'), join(dir, 'link'));
    for (const path of ['link', 'link/deeper', '../../../..']) {
      const host = await greeted(t, { ...tier, hidden: [join(dir, path)] });
      host.start('true');
      const { reason, message } = await host.next('start_failed');
      t.equal(reason, 'isolation_unavailable');
      t.match(message, /cannot be hidden: (a link in its path has no target|it is)/);
      t.match(message, join(dir, path));
    }
  });

  at(name, 'the memory of /dev/shm is bounded, and nothing else in /dev can be written', async (t, tier) => {
    const host = await greeted(t, tier);
    t.equal(await said(host, `df -k --output=size /dev/shm | tail -1 | tr -d ' '`), String(256 * 1024));
    t.match(await said(host, 'touch /dev/file'), /Read-only file system|Permission denied/);
    t.equal(
      await said(
        host,
        'echo x > /dev/shm/file && cat /dev/shm/file; echo y > /dev/null; head -c 4 /dev/zero | wc -c',
      ),
      'x\n4',
    );
  });

  at(name, 'files in its memory count towards its memory', async (t, tier) => {
    const host = await greeted(t, tier);
    for (const place of ['/tmp', '/var/tmp', '/run', '/dev/shm'])
      t.match(
        await host.run(`head -c 60000000 /dev/zero > ${place}/file; sleep 60`, {
          limits: { memoryBytes: 50_000_000 },
        }),
        { cause: 'resource_limit', limit: 'memory_bytes' },
        place,
      );
    const many = 'mkdir /tmp/many; cd /tmp/many; touch {1..60000}; sleep 60';
    t.match(await host.run(many, { limits: { memoryBytes: 50_000_000 } }), { limit: 'memory_bytes' });
  });

  at(name, '/tmp is its own', async (t, tier) => {
    const host = await greeted(t, tier);
    const name = `execd-test-${token()}`;
    t.equal(
      await said(host, `ls -A /tmp /var/tmp /run; echo x > /tmp/${name} && cat /tmp/${name}`),
      EMPTY_AND_OWN,
    );
    t.notOk(existsSync(`/tmp/${name}`));
    t.equal(await said(host, `cat /tmp/${name} 2> /dev/null; ls -A /tmp`), '');
  });

  at(name, 'it has a network only when it is given one', async (t, tier) => {
    const server = createServer((socket) => socket.end('reached\n'));
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    t.teardown(() => new Promise((resolve) => server.close(resolve)));
    const { port } = server.address() as { port: number };
    const host = await greeted(t, tier);
    const command = `cat < /dev/tcp/127.0.0.1/${port}`;
    t.match(await said(host, command), /refused|unreachable/i);
    t.equal(await said(host, command, { hasNetwork: true }), 'reached');
    const weaker = await greeted(t, supervised);
    t.equal(await said(weaker, command), 'reached', 'weaker tiers have it anyway');
  });

  at(name, 'a listed network is the socket of the server alone, and of its own attempt', async (t, tier) => {
    const host = await greeted(t, tier);
    const [own, other] = [await proxySocket(t, 'own'), await proxySocket(t, 'other')];
    const asked = (more: Partial<RawStart>) =>
      said(host, `exec 5<> /dev/tcp/127.0.0.1/3128; echo a >&5; cat <&5 & wait`, more);
    t.equal(await asked({ proxy: own.path }), 'own: a');
    t.equal(await asked({ proxy: other.path }), 'other: a');
    t.match(await asked({}), /refused/i, 'without one nobody listens');
    const direct = 'cat < /dev/tcp/$1';
    for (const address of [`127.0.0.1/${own.port}`, '1.1.1.1/53'])
      t.match(
        await said(host, '', {
          proxy: own.path,
          program: '/bin/bash',
          args: ['-c', direct.replace('$1', address)],
        }),
        /refused|unreachable/i,
      );
    const seen = `ls ${dirname(own.path)} ${dirname(other.path)} /proc/1/fd`;
    t.match(await said(host, seen, { proxy: own.path }), /^(ls: .*(No such file|Permission denied).*\n?)+$/);
    host.start('', { hasNetwork: true, proxy: own.path });
    t.match(await host.next('start_failed'), { reason: 'isolation_unavailable' });
    host.start('', { proxy: `${own.path}-missing` });
    t.match(await host.next('start_failed'), {
      message:
        'The sandbox could not be started: the socket of its proxy could not be opened: No such file or directory.',
    });
  });

  at(
    name,
    'what the server says before it closes arrives, also where the command still sends',
    async (t, tier) => {
      const host = await greeted(t, tier);
      const { path } = await proxySocket(t, 'no', (socket) =>
        socket.once('data', () => socket.write('no', () => socket.destroy())),
      );
      const script = `
import socket, threading
one = socket.create_connection(('127.0.0.1', 3128))
def send():
  try: one.sendall(bytes(20_000_000)); one.shutdown(socket.SHUT_WR)
  except OSError as error: print(error)
sender = threading.Thread(target=send); sender.start()
got = b''
while part := one.recv(65536): got += part
sender.join(); print(got.decode())`;
      t.equal(await said(host, '', { proxy: path, program: '/usr/bin/python3', args: ['-c', script] }), 'no');
    },
  );

  at(
    name,
    'its proxy carries many bytes both ways, and no more connections at a time than 64',
    async (t, tier) => {
      const host = await greeted(t, tier);
      const { path, most } = await proxySocket(t, 'echo', (socket) => socket.pipe(socket));
      const script = `
import os, socket, threading
def echoed(piece):
  one = socket.create_connection(('127.0.0.1', 3128))
  threading.Thread(target=lambda: (one.sendall(piece), one.shutdown(socket.SHUT_WR))).start()
  got = b''
  while part := one.recv(65536): got += part
  return got == piece
print(echoed(os.urandom(3_000_000)))
idle = [socket.create_connection(('127.0.0.1', 3128)) for _ in range(100)]
for one in idle[:64]: one.sendall(b'x'); assert one.recv(1) == b'x'
idle[99].settimeout(0)
try: idle[99].recv(1)
except BlockingIOError: print('waits')
for one in idle[:64]: one.close()
idle[99].settimeout(None); idle[99].sendall(b'y'); print(idle[99].recv(1).decode())
`;
      t.equal(
        await said(host, '', {
          proxy: path,
          program: 'python3',
          args: ['-c', script],
          env: [`PATH=${process.env.PATH}`],
        }),
        'True\nwaits\ny',
      );
      t.equal(most(), 64);
    },
  );

  at(name, 'it sees its own processes only, and its ipc and host name are its own', async (t, tier) => {
    const host = await greeted(t, tier);
    t.equal(await said(host, 'echo /proc/[0-9]*; ipcs -m | grep -c 0x'), '/proc/1 /proc/2\n0');
    const names = ['pid', 'ipc', 'uts', 'net', 'mnt', 'user'];
    const inside = await said(host, names.map((one) => `readlink /proc/self/ns/${one}`).join('; '));
    const outside = await said(
      await greeted(t, supervised),
      names.map((one) => `readlink /proc/self/ns/${one}`).join('; '),
    );
    const lines = outside.split('\n');
    for (const line of inside.split('\n')) t.notOk(lines.includes(line), line);
  });

  at(name, 'wrapper failure vs command failure', async (t, tier) => {
    const host = await greeted(t, tier);
    for (const exitCode of [1, 126, 127])
      t.match(await host.run(`exit ${exitCode}`), { cause: 'exited', exitCode, signal: '' });
    host.start('', { program: '/no/such', args: [] });
    t.match(await host.next('start_failed'), { reason: 'program_not_found', message: /\/no\/such/ });
    host.start('', { program: '/etc/passwd', args: [] });
    t.match(await host.next('start_failed'), { reason: 'program_not_executable' });
    // It exits with 1, as bubblewrap does when it fails, and as a command may.
    const broken = await greeted(t, { ...tier, bwrap: '/bin/false' });
    broken.start('exit 1');
    t.match(await broken.next('start_failed'), { reason: 'isolation_unavailable' });
  });

  at(name, 'command run as PID 1 of a pid namespace', async (t, tier) => {
    const host = await greeted(t, tier);
    t.equal(await said(host, 'echo $$'), '2', 'the first process is a part of the host');
    const end = await host.run('kill -SEGV $$; exit 0');
    t.match(end, { cause: 'signalled', signal: 'SIGSEGV' }, 'a signal that the first one would not mind');
    const orphans =
      'for i in 1 2 3; do (true &); done; until ! grep -sq "^State:.Z" /proc/[0-9]*/status; do :; done';
    t.match(await host.run(orphans), { cause: 'exited', exitCode: 0 }, 'it reaps orphans');
  });

  at(name, 'SIGTERM through bwrap', async (t, tier) => {
    const host = await greeted(t, tier);
    const ref = host.start('trap "echo trapped; exit 7" TERM; echo up; while :; do sleep 0.02; done');
    await host.next('growth');
    const end = await host.exited(await stopped(host, ref));
    t.match(end, { cause: 'cancelled', exitCode: 7, forced: false, survivors: 0 });
    t.equal(end.stdoutTail.toString(), 'up\ntrapped\n');
  });

  at(
    name,
    'a program that exits as if a signal had ended it is told apart from one that it has',
    async (t, tier) => {
      const host = await greeted(t, tier);
      t.match(await host.run('exit 139'), { cause: 'exited', exitCode: 139, signal: '' });
      t.match(await host.run('kill -SEGV $$'), { cause: 'signalled', exitCode: -1, signal: 'SIGSEGV' });
    },
  );

  at(
    name,
    'a sandbox that is killed from without ends its attempt, and nothing of it lives',
    async (t, tier) => {
      const host = await greeted(t, tier);
      const own = token();
      const ref = host.start(`setsid sleep 1000.${own} & exec sleep 1000.${own}`);
      const { pid } = await host.next('started');
      await until('both are there', () => withArgument(own).length === 2);
      process.kill(pid, 'SIGKILL');
      t.match(await host.exited(ref), { cause: 'signalled', signal: 'SIGKILL', survivors: 0 });
      t.same(withArgument(own), []);
    },
  );

  at(name, 'it dies with the host', async (t, tier) => {
    const host = await greeted(t, tier);
    const own = token();
    host.start(`(setsid env -i sleep 1000.${own} &); exec sleep 1000.${own}`);
    await until('both are there', () => withArgument(own).length === 2);
    host.kill();
    await until('they are dead', () => withArgument(own).length === 0);
    t.pass('they are');
  });

  at(
    name,
    'what is outside has nothing of the environment of the command, and no argument of it',
    async (t, tier) => {
      const host = await greeted(t, tier);
      const own = token();
      const ref = host.start(`echo up; exec sleep 1000 # ${own}`, {
        env: ['PATH=/usr/bin:/bin', `LD_PRELOAD=/${own}.so`],
      });
      const { pid } = await host.next('started');
      await host.next('growth');
      t.equal(readFileSync(`/proc/${pid}/environ`, 'latin1'), `${host.marker(ref)}\0`);
      t.notMatch(readFileSync(`/proc/${pid}/cmdline`, 'latin1'), own);
      t.match(await host.exited(await stopped(host, ref)), { cause: 'cancelled' });
    },
  );

  at(name, 'a command cannot end or trace the first process of its sandbox', async (t, tier) => {
    const host = await greeted(t, tier);
    const command =
      'kill -KILL 1; kill -TERM 1; cat /proc/1/environ; (: < /proc/1/fd/3); (: < /proc/1/mem); exit 0';
    const end = await host.run(command);
    t.match(end, { cause: 'exited', exitCode: 0 });
    t.equal(end.stderrTail.toString().match(/denied/gi)?.length, 3, end.stderrTail.toString());
  });

  at(name, 'what is not in the sandbox is not found there', async (t, tier) => {
    const host = await greeted(t, tier);
    host.start('true', { cwd: uid.makeDir(t) });
    t.match(await host.next('start_failed'), { reason: 'cwd_not_found' });
    const program = join(uid.makeDir(t), 'program');
    writeFileSync(program, '#!/bin/sh\n', { mode: 0o755 });
    host.start('', { program, args: [] });
    t.match(await host.next('start_failed'), { reason: 'program_not_found' });
  });

  at(name, 'no message tells what there is where the command sees nothing', async (t, tier) => {
    const dir = tier.makeDir(t);
    mkdirSync(join(dir, 'data/dir'), { recursive: true });
    writeFileSync(join(dir, 'data/file'), '#!/bin/no-such-interpreter\n', { mode: 0o644 });
    writeFileSync(join(dir, 'data/program'), '#!/bin/no-such-interpreter\n', { mode: 0o755 });
    const host = await greeted(t, { ...tier, hidden: [join(dir, 'data')] });
    const refusals = async (more: (path: string) => Partial<RawStart>) => {
      const all = [];
      for (const name of ['file', 'program', 'dir', 'nothing']) {
        host.start('true', more(join(dir, 'data', name)));
        const { reason, message } = await host.next('start_failed');
        all.push(`${reason}: ${message.replace(`/${name}`, '')}`);
      }
      return new Set(all);
    };
    t.equal((await refusals((program) => ({ program, args: [] }))).size, 1);
    t.equal((await refusals((cwd) => ({ cwd }))).size, 1);
    t.equal((await refusals((path) => ({ program: '../data/x', args: [], cwd: path }))).size, 1);
  });
}

at('uid', 'no message tells what there is where the command may not look', async (t, tier) => {
  const dir = dirOutsideTmp(t);
  mkdirSync(join(dir, 'closed/dir'), { recursive: true });
  writeFileSync(join(dir, 'closed/program'), '#!/bin/no-such-interpreter\n', { mode: 0o755 });
  writeFileSync(join(dir, 'script'), `#!${dir}/closed/nothing\n`, { mode: 0o755 });
  chmodSync(join(dir, 'closed'), 0o700);
  const host = await greeted(t, tier);
  const refusal = async (more: Partial<RawStart>, name: string) => {
    host.start('true', more);
    const { reason, message } = await host.next('start_failed');
    return `${reason}: ${message.replace(`/${name}`, '')}`;
  };
  for (const more of [(path: string) => ({ program: path, args: [] }), (path: string) => ({ cwd: path })]) {
    const names = ['program', 'dir', 'nothing'];
    const all = [];
    for (const name of names) all.push(await refusal(more(join(dir, 'closed', name)), name));
    t.equal(new Set(all).size, 1, all.join());
    t.match(all[0], /denied/);
  }
  t.match(await refusal({ program: join(dir, 'script'), args: [] }, ''), /^program_not_executable: .*EACCES/);
  t.equal(await said(host, 'echo on'), 'on', 'the host has its own rights again');
});

/** A socket of the machine, which everybody may speak with, and a command that does. */
async function openSocket(t: Test): Promise<{ path: string; ask: string }> {
  const path = join(dirOutsideTmp(t), 'socket');
  const socket = createServer((client) => client.end('reached\n'));
  await new Promise<void>((resolve) =>
    socket.listen({ path, writableAll: true, readableAll: true }, resolve),
  );
  t.teardown(() => new Promise((resolve) => socket.close(resolve)));
  return { path, ask: `perl -MIO::Socket::UNIX -e 'print IO::Socket::UNIX->new($ARGV[0])->getline' ${path}` };
}

/** For a host that is not root, as a server in production is. */
function ordinary(t: Test): TierUnderTest & { command: [string, ...string[]] } {
  const user = 1_000_000_000 + process.pid;
  const makeDir = (t: Test) => {
    const dir = dirOutsideTmp(t);
    chownSync(dir, user, user);
    return dir;
  };
  const program = join(makeDir(t), 'runner-host');
  copyFileSync(NATIVE[0], program);
  chmodSync(program, 0o755);
  return {
    ...sandbox,
    makeDir,
    command: ['setpriv', `--reuid=${user}`, `--regid=${user}`, '--clear-groups', program],
  };
}

for (const who of ['root', 'another user'])
  at('sandbox, uid', `of a host that is ${who}: what it keeps a command from beside files`, async (t) => {
    const other = ordinary(t);
    const host = await new Host(
      t,
      who === 'root' ? NATIVE : other.command,
      who === 'root' ? sandbox : other,
    ).greet();
    const { path, ask } = await openSocket(t);
    t.equal(await said(await greeted(t, supervised), ask), 'reached', 'at weaker tiers');
    t.match(await said(host, `test -e ${path} && ${ask}`), /Can't call method "getline"/);
    t.equal(
      await said(host, 'unshare -Ur true 2> /dev/null || echo none'),
      'none',
      'no user namespace of its own',
    );
    t.equal(
      await said(host, 'test $(id -u) = 0 && id; grep Cap /proc/self/status | grep -v "0\\{16\\}\\|Bnd"'),
      '',
    );
    t.equal(
      await said(host, 'rm -rf /tmp/* && touch file && (: > /proc/self/oom_score_adj) 2> /dev/null; ls'),
      'file',
    );
  });

at('sandbox, uid', 'a host that is root does not hand on what root may read', async (t) => {
  const dir = dirOutsideTmp(t);
  mkdirSync(join(dir, 'closed/data'), { recursive: true });
  chmodSync(join(dir, 'closed'), 0o700);
  writeFileSync(join(dir, 'secret'), 'hunter2', { mode: 0o600 });
  writeFileSync(join(dir, 'closed/secret'), 'hunter2', { mode: 0o644 });
  for (const uidCount of [0, 80]) {
    const host = await greeted(t, { ...sandbox, uidCount, makeDir: () => join(dir, 'closed/data') });
    t.match(await said(host, `cat /etc/shadow ${dir}/secret; ls /root`), /^.*denied\n.*denied\n.*denied$/);
    t.equal(
      await said(host, `echo x > file; cat file; ls ${dir}/closed; cat /dev/stdin`, {
        stdin: Buffer.from('in'),
      }),
      'x\ndata\nin',
    );
    t.equal(
      await said(host, 'stat -c %U /etc /root; df --output=itotal /tmp /dev/shm /run | tail -3 | uniq -c'),
      'root\nroot\n      3  65536',
    );
    rmSync(join(dir, 'closed/data'), { recursive: true });
  }
  const inTmp = await greeted(t, { ...sandbox, makeDir: tempDir });
  t.equal(await said(inTmp, 'echo x > file; cat file; test $(id -u) = 0'), 'x');
});

const EMPTY_AND_OWN = `/run:\n\n/tmp:\n\n/var/tmp:\nx`;

async function stopped(host: Host, ref: number): Promise<number> {
  host.write(raw.stop(ref, 'cancelled', 500));
  return ref;
}

// ------------------------------------------------------------------------------------------------ users

at('uid', 'a user is used again when nothing runs as it any more, and not before', async (t, tier) => {
  const host = await greeted(t, { ...tier, uidCount: 1 });
  const own = token();
  const ref = host.start(`id -u; touch file; (setsid env -i sleep 1000.${own} &); sleep 0.2`);
  await host.next('growth');
  host.start('true');
  t.match(await host.next('start_failed'), { reason: 'resources_unavailable', message: /users/ });
  t.match(await host.exited(ref), { exitCode: 0, leftovers: 1, survivors: 0 });
  t.same(withArgument(own), []);
  t.equal(await said(host, `id -u; ls -A`), String(host.tier.firstUid));
  t.equal(host.log(ref), `${host.tier.firstUid}\n`);
});

at('uid', 'each owner gets the user that they had before, as long as it is free', async (t, tier) => {
  const host = await greeted(t, { ...tier, uidCount: 3 });
  const { firstUid } = host.tier;
  const userOf = async (owner: string) => Number(await said(host, 'id -u', { owner })) - firstUid;
  const owners = ['ann', 'bob', 'ann', 'cat', 'bob', 'cat', 'ann'];
  const users: number[] = [];
  for (const owner of owners) users.push(await userOf(owner));
  t.same(users, [0, 1, 0, 2, 1, 2, 0]);
  const ref = host.start('echo; sleep 60', { owner: 'ann' });
  await host.next('growth', (one) => one.ref === ref);
  // Hers is taken, and each of the others has been somebody's.
  t.not(await userOf('ann'), 0);
});

at(
  'uid',
  'System V objects are gone before a user is used again, and their memory counts',
  async (t, tier) => {
    const host = await greeted(t, { ...tier, uidCount: 1 });
    // Others on this machine have such objects, too: a PostgreSQL server has one.
    const ipcs = 'ipcs | grep -c "^0x.* $(id -u) "';
    t.equal(
      await said(
        host,
        `ipcmk -M 4096 -p 0666 > made; ipcmk -Q >> made; ipcmk -S 1 >> made; grep -c id: made; ${ipcs}`,
      ),
      '3\n3',
    );
    t.equal(await said(host, ipcs), '0');
    const held = 'perl -e \'shmwrite(shmget(0, 60000000, 0666), "x" x 60000000, 0, 60000000)\'; sleep 60';
    t.match(await host.run(held, { limits: { memoryBytes: 50_000_000 } }), {
      cause: 'resource_limit',
      limit: 'memory_bytes',
    });
    t.equal(await said(host, ipcs), '0');
  },
);

at('uid', 'what an earlier host has left of a user is dead before it is used', async (t, tier) => {
  const old = await greeted(t, { ...tier, uidCount: 1 });
  const own = token();
  old.start(`(setsid env -i sleep 1000.${own} &); echo up; sleep 1000`);
  await old.next('growth');
  await until('it is there', () => withArgument(own).length === 1);
  old.kill();
  await old.gone();
  t.equal(await said(await greeted(t, old.tier), `id -u`), String(old.tier.firstUid));
  t.same(withArgument(own), []);
});

at('uid', 'input, scripts and streams can be opened by name', async (t, tier) => {
  const host = await greeted(t, tier);
  const command = 'cat /dev/stdin; echo err > /dev/stderr; echo out > /dev/stdout';
  t.equal(await said(host, command, { stdin: Buffer.from('in\n') }), 'in\nout\nerr');
});

at('uid', 'neither root nor the user of the host is taken', async (t, tier) => {
  const host = new Host(t, NATIVE, tier);
  mkdirSync(join(host.dir, 'scratch'));
  host.write(raw.hello('i', join(host.dir, 'scratch'), { ...tier, firstUid: 0 }));
  t.match(await host.next('failure'), { message: /users/ });
  t.match(await host.gone(), { code: 65 });
});

// ---------------------------------------------------------------------------------------- what is not there

t.test('a tier that a host cannot give is refused, and nothing runs', async (t) => {
  const none = { firstUid: 0, uidCount: 0, bwrap: '', hidden: [] };
  const cases: [readonly [string, ...string[]], TierUnderTest][] = [
    [NODE, { ...supervised, ...none }],
    [NODE, { ...sandbox, ...none }],
  ];
  if (whyNot('supervised') === null) {
    cases.push([NATIVE, { ...uid, ...none }], [NATIVE, { ...sandbox, ...none }]);
    cases.push(
      [NATIVE, { ...sandbox, bwrap: '/bin/false' }],
      [NATIVE, { ...sandbox, bwrap: '/no/such/bwrap' }],
    );
  }
  for (const [command, tier] of cases) {
    const host = await new Host(t, command, tier).greet();
    const ref = host.start(`touch ${host.dir}/executed`);
    const reply = await host.next('start_failed');
    t.match(reply, { ref, reason: 'isolation_unavailable' }, `${command.join(' ')} ${tier.isolation}`);
    t.notOk(existsSync(join(host.dir, 'executed')));
    await until('nothing is left', () => readdirSync(host.dir).every((name) => !name.startsWith('private-')));
  }
});

t.test('a network of listed hosts without a sandbox is refused by both hosts', async (t) => {
  const cases: [readonly [string, ...string[]], TierUnderTest, string][] = [
    [
      NODE,
      TIERS_UNDER_TEST.none,
      'A network of listed hosts requires a sandbox, which the Node host does not offer.',
    ],
  ];
  if (whyNot('supervised') === null)
    cases.push([
      NATIVE,
      supervised,
      'A network of listed hosts requires a sandbox that has no other network.',
    ]);
  for (const [command, tier, message] of cases) {
    const host = await new Host(t, command, tier).greet();
    host.start('touch executed', { proxy: `${host.dir}/socket` });
    t.match(await host.next('start_failed'), { reason: 'isolation_unavailable', message });
  }
});

// ---------------------------------------------------------------------------------------------- another root

at('sandbox', 'with another root directory it sees that one and nothing of this machine', async (t, tier) => {
  const host = await greeted(t, tier);
  const outside = dirOutsideTmp(t);
  writeFileSync(join(outside, 'secret'), 'of the machine\n', { mode: 0o644 });
  const place = join(outside, 'root');
  mkdirSync(place);
  const root = makeSmallRoot(place);
  // What somebody who packs an image could try.
  symlinkSync(outside, join(root, 'escape'));
  symlinkSync('../../../../../../../..' + outside, join(root, 'opt/climb'));
  execFileSync('mkfifo', [join(root, 'pipe')]);
  const inRoot = (command: string, more: Partial<RawStart> = {}) =>
    said(host, command, { ...more, program: '/bin/sh', root });
  const seen = (await inRoot('cat /etc/os-release; ls /')).split('\n');
  const own = readdirSync(root).filter((name) => name !== 'pipe');
  const all = new Set([...own, 'dev', 'proc', 'run', 'tmp']);
  t.strictSame(seen.sort(), ['NAME=small', ...all].sort(), 'its files, and what each sandbox has');
  const tries: [string, RegExp][] = [
    [`cat ${outside}/secret`, /No such file/],
    ['cat /escape/secret /opt/climb/secret', /No such file[^]*No such file/],
    ['cat /proc/1/environ; cd /proc/1/root', /denied[^]*(denied|can't cd)/],
    [': > /etc/new', /Read-only|cannot create/],
    [': > /new', /Read-only|cannot create|denied/],
    [': > /usr/bin/cat', /Read-only|cannot create|denied/],
    ['mknod /tmp/sda b 8 0', /not permitted|denied/],
    ['mount -t tmpfs none /opt', /permission denied|must be superuser|not permitted|only root/i],
    ['ls /dev', /^(?![^]*sda)/],
    ['dd if=/dev/zero of=/tmp/full bs=1048576 count=300', /No space left/],
    ['echo home > file && cat file && echo tmp > /tmp/a && cat /tmp/a', /^home\ntmp$/],
    ['sleep 0 & wait; id -u', new RegExp(`^${process.getuid?.() === 0 ? 65534 : process.getuid?.()}$`)],
  ];
  for (const [command, expected] of tries) t.match(await inRoot(command), expected, command);
  t.notMatch(await inRoot('cat /proc/self/mountinfo'), new RegExp(`${outside}/secret`));
  t.equal(
    await said(host, 'echo on', { program: '/bin/sh', root }),
    'on',
    'one execution leaves nothing to the next',
  );
  t.equal(await inRoot('ls /tmp'), '');
  // What it has begun stays, so that it is seen also by a host that comes to look late.
  const bomb = await host.run('f() { sleep 60 & f | f & }; f; sleep 60', {
    ...{ program: '/bin/sh', root, limits: { processes: 20 } },
  });
  t.match(bomb, { cause: 'resource_limit', limit: 'processes' }, 'a fork bomb is over soon');
  const refusals: [Partial<RawStart>, object][] = [
    [{ root: 'python' }, { reason: 'isolation_unavailable', message: /no root directory python/ }],
    [
      { root: join(outside, 'none') },
      { reason: 'isolation_unavailable', message: /none cannot be read: No such/ },
    ],
    [{ root, program: '/usr/bin/python3' }, { reason: 'program_not_found' }],
  ];
  for (const [more, refusal] of refusals) {
    const ref = host.start('true', { program: '/bin/sh', ...more });
    t.match(await host.next('start_failed', (one) => one.ref === ref), refusal);
  }
});

for (const who of ['root', 'another user'])
  at('sandbox', `a host that is ${who} lets a command write into a root directory, to a layer`, async (t) => {
    const other = ordinary(t);
    const isOther = who !== 'root';
    const host = await new Host(t, isOther ? other.command : NATIVE, isOther ? other : sandbox).greet();
    const root = makeSmallRoot(dirOutsideTmp(t));
    mkdirSync(join(root, 'opt/lib/old'), { recursive: true, mode: 0o755 });
    writeFileSync(join(root, 'opt/lib/old/file'), 'old\n');
    writeFileSync(join(root, 'etc/secret'), 'of the image\n', { mode: 0o600 });
    symlinkSync('/etc', join(root, 'home'));
    if (isOther)
      execFileSync('chown', ['-hR', `${1_000_000_000 + process.pid}:${1_000_000_000 + process.pid}`, root]);
    const files = () =>
      execFileSync('find', [root, '-printf', '%p %i %s %T@ %C@ %U\n'], { encoding: 'utf8' });
    const before = files();
    const layered = (command: string, more: Partial<RawStart> = {}) =>
      said(host, command, { ...more, program: '/bin/sh', root, layerBytes: 8 << 20 });
    const tries: [string, RegExp][] = [
      ['echo new > /etc/os-release && cat /etc/os-release', /^new$/],
      ['echo a > /a && mkdir /srv /opt/x && cat /a && ls /opt', /^a\nlib\nx$/],
      ['rm -r /opt/lib && mkdir -p /opt/lib/new && ls /opt/lib', /^new$/],
      ['mv /opt/lib /opt/moved && cat /opt/moved/old/file', /^old$/],
      ['rm /usr/bin/cat && cat /etc/os-release', /not found/],
      ['cat /etc/os-release; ls /opt; ls /a', /^NAME=small\nlib\n[^]*a': No such[^]*$/],
      ['cat /etc/secret; stat -c %u /etc; id -u', /^of the image\n(\d+)\n\1$/],
      ['echo home > file && cat file && echo tmp > /tmp/a && cat /tmp/a; ls /tmp', /^home\ntmp\na$/],
      ['dd if=/dev/zero of=/full bs=1048576 count=9', /No space left/],
      ['i=0; while true > /opt/$i; do i=$((i+1)); done 2> /tmp/e; echo $i', /^1\d{4}$/],
      ['ls -a /.execd; cat /proc/1/environ; cd /proc/1/root', /No such file[^]*denied[^]*(denied|can't cd)/],
      ['mount -t tmpfs none /opt', /permission denied|must be superuser|not permitted|only root/i],
      [
        'cat < /proc/sys/kernel/ostype; : > /proc/sys/user/max_user_namespaces',
        /^Linux[^]*(Read-only|denied)/,
      ],
      [
        'while read l; do case $l in Cap[PEA]*) echo ${l#*:};; esac; done < /proc/self/status',
        /^(0{16}\s*){3}$/,
      ],
    ];
    for (const [command, expected] of tries) t.match(await layered(command), expected, command);
    t.equal(files(), before, 'no file of the root directory has changed');
    const over = await host.run('dd if=/dev/zero of=/opt/full bs=1048576 count=30; sleep 60', {
      ...{ program: '/bin/sh', root, layerBytes: 64 << 20, limits: { memoryBytes: 20 << 20 } },
    });
    t.match(over, { cause: 'resource_limit', limit: 'memory_bytes' }, 'what lies in the layer is its memory');
    const readOnly = await said(host, ': > /opt/new', { program: '/bin/sh', root });
    t.match(readOnly, /Read-only|cannot create/, 'and without a layer it is read-only');
  });

at('sandbox, uid', 'with a layer the files of a root directory are those of its user', async (t, tier) => {
  const host = await greeted(t, tier);
  const root = makeSmallRoot(dirOutsideTmp(t));
  const end = await said(host, 'id -u; stat -c %u /etc; echo 1 > /etc/new && stat -c %u /etc/new', {
    ...{ program: '/bin/sh', root, layerBytes: 8 << 20 },
  });
  t.match(end, /^(\d{4,})\n\1\n\1$/);
});
