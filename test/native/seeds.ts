// Writes a frame of each kind into a directory, for a fuzzer to begin with.
import { writeFileSync } from 'node:fs';
import { raw } from '../helpers/raw-frames.ts';

const [, , dir = '.'] = process.argv;
const start = {
  ...{ isolation: 'sandbox' as const, hasNetwork: false },
  ...{ ref: 1, marker: 'EXECD_RUN=i/r/1', journal: '/j', program: 'true', args: ['a', ''], env: ['A=b'] },
  ...{ cwd: '', privateDir: '/p', script: { path: '/s', source: 'x' }, stdin: Buffer.from('in') },
  ...{
    keepBytes: 1000,
    failOnLimit: true,
    attemptMs: 1,
    idleMs: 2,
    graceMs: 3,
    stopSignal: 'SIGINT' as const,
  },
  redact: [Buffer.from('secret'), Buffer.from('')],
  limits: { cpuS: 1, diskBytes: 0 },
  proxy: '/x/1',
};
const seeds = {
  hello: raw.hello('instance', '/scratch', { firstUid: 1, uidCount: 2, bwrap: '/b', hidden: ['/h'] }),
  start: raw.start(start),
  stop: raw.stop(1, 'cancelled', 1000),
  deadline: raw.deadline(1, 2, 3),
  input: raw.input(1, 'typed', true),
  signal: raw.signal(1, 'SIGHUP', 'main'),
  resize: raw.resize(1, 80, 24),
  lease: raw.lease(1, 2),
  ping: raw.ping(1),
  sweep: raw.sweep(1, ['EXECD_RUN=i/r/1'], ['/path']),
  hide: raw.hide(['/etc/secret', '/srv']),
};
for (const [name, bytes] of Object.entries(seeds)) writeFileSync(`${dir}/${name}`, bytes);
writeFileSync(`${dir}/all`, Buffer.concat(Object.values(seeds)));
