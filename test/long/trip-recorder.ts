// Loaded into a server before anything else: while the file TRIP_FLAG is there, it notes the files of src that are on the stack
// when work is handed on: to the store, into a statement, to the runner and its host. The store's thread loads it, too.
import { appendFileSync, existsSync } from 'node:fs';
import { StatementSync } from 'node:sqlite';
import { Duplex } from 'node:stream';
import { CommandRunner } from '../../src/runners/commands/command.ts';
import { SqliteStore } from '../../src/store/sqlite/store.ts';

const { TRIP_FLAG = '', TRIP_NOTES = '' } = process.env;
Error.stackTraceLimit = 200;

const note = (where: string, isMeant: (stack: string) => boolean) => {
  if (!existsSync(TRIP_FLAG)) return;
  const { stack = '' } = new Error(where);
  if (!isMeant(stack)) return;
  const frames = [...stack.matchAll(/at (?:async )?(?:(\S+)[^\n]* )?\(?file:[^\n]*\/(src\/[\w./-]+\.ts):/g)];
  const stops = frames.map(([, name = 'closure', file = '']) => ({ file, name })).toReversed();
  if (stops.length > 0) appendFileSync(TRIP_NOTES, `${JSON.stringify(stops)}\n`);
};

function watch(
  of: object,
  name: string,
  where: string,
  isMeant: (stack: string) => boolean = () => true,
): void {
  const methods = of as Record<string, (this: unknown, ...args: unknown[]) => unknown>;
  const real = methods[name];
  if (real === undefined) throw new Error(`there is no ${name}`);
  methods[name] = function watched(...args) {
    note(where, isMeant);
    return real.apply(this, args);
  };
}

watch(SqliteStore.prototype, 'commit', 'store');
watch(CommandRunner.prototype, 'run', 'runner');
for (const name of ['run', 'get', 'all']) watch(StatementSync.prototype, name, 'statement');
watch(Duplex.prototype, 'write', 'host', (stack) => stack.includes('/src/runners/'));
