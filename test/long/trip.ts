// The files that one POST crosses on its way to its process, in their order: those on the stack whenever the server hands the work
// on (to the store, into a statement, to the runner and its host). What is only asked on the way, and returns, is not counted.
//
//   npm run test:trip
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { until } from '../helpers/processes.ts';
import { Scope } from '../helpers/lifetime.ts';
import { server } from '../helpers/server-process.ts';
import { check, finish, scratch } from './support.ts';

const MOST = 20;

const dir = scratch();
const flag = join(dir, 'flag');
const notes = join(dir, 'notes');
const scope = new Scope();
const env = { EXECUTION_DATA_DIR: join(dir, 'data'), TRIP_FLAG: flag, TRIP_NOTES: notes };
const program = ['--import', './test/long/trip-recorder.ts', 'src/bin/server.ts'];
const on = await server(scope, env, { program });
const began = join(dir, 'began');
const spec = { kind: 'shell', command: `touch ${began}; sleep 2` };

// What is loaded and prepared at the first is not on the way of the others.
await on.finished((await on.submit(spec)).id);
rmSync(began);
writeFileSync(notes, '');
writeFileSync(flag, '');
const { id } = await on.submit(spec);
await until('it runs', () => existsSync(began));
rmSync(flag);
const trip = new Map<string, Set<string>>();
for (const line of readFileSync(notes, 'utf8').trim().split('\n')) {
  const stops = JSON.parse(line) as { file: string; name: string }[];
  // Keys are asked for once in a while, by whichever request comes then.
  if (stops.some(({ file }) => file === 'src/access/key-ring.ts')) continue;
  for (const { file, name } of stops) trip.set(file, (trip.get(file) ?? new Set()).add(name));
}
for (const [file, names] of trip) console.log(`${file}  ${[...names].join(', ')}`);
check(
  trip.size <= MOST,
  `a POST crosses ${trip.size} files on its way to its process, and may cross ${MOST}`,
);
const entries = trip.get('src/engine/engine.ts')?.size ?? 0;
check(entries === 1, `it enters the engine by ${entries} functions of engine.ts, and may enter it by one`);
await on.finished(id);
await scope.end();
finish();
