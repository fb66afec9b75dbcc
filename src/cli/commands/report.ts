// `execd report`: what each operation or kind came to in a window of time.
import type { Command } from 'commander';
import type { OperationsReport } from '../../client/index.ts';
import { wallNow } from '../../client/time.ts';
import type { Session } from '../session.ts';
import { type Column, table } from '../table.ts';
import { shownDuration, timeOf } from '../units.ts';

const EXAMPLES = `
Examples:
  $ execd report                     the last 24 hours
  $ execd report --since 7d          the last week
  $ execd report --operation resize --json
`;

export function reportCommand(program: Command, session: Session): void {
  program
    .command('report')
    .summary('count ended executions, with the spread of waits and runs')
    .option('--since <time>', 'only executions that ended since: 1h for the last hour, or a time', '24h')
    .option('--operation <name>', 'only this operation')
    .addHelpText('after', EXAMPLES)
    .action(async ({ since, operation }: { since: string; operation?: string }) => {
      const from = timeOf(since === '24h' ? '1d' : since, wallNow());
      const found = await session.client.report({ from, ...(operation === undefined ? {} : { operation }) });
      if (session.isJson) return session.terminal.json(found);
      await session.terminal.line(table(session.terminal.out, COLUMNS, found.operations));
      if (!found.complete)
        await session.terminal.note(
          `these are the last ${found.count} that ended in this time; there are more`,
        );
    });
}

type Row = OperationsReport['operations'][number];
const COLUMNS: Column<Row>[] = [
  { name: 'OPERATION', value: ({ type }) => type },
  { name: 'COUNT', value: ({ count }) => String(count), isRight: true },
  {
    name: 'SUCCESS',
    value: ({ success_ratio: part }) => (part === null ? '-' : `${(part * 100).toFixed(1)} %`),
    isRight: true,
  },
  { name: 'RETRIES', value: ({ retries }) => String(retries), isRight: true },
  { name: 'WAIT P95', value: ({ wait_ms: wait }) => shownDuration(wait?.p95 ?? null), isRight: true },
  { name: 'RUN P50', value: ({ run_ms: run }) => shownDuration(run?.p50 ?? null), isRight: true },
  { name: 'RUN P95', value: ({ run_ms: run }) => shownDuration(run?.p95 ?? null), isRight: true },
  { name: 'RUN MAX', value: ({ run_ms: run }) => shownDuration(run?.max ?? null), isRight: true },
  {
    name: 'ERRORS',
    value: ({ errors }) => errors.map(({ cause, count }) => `${cause} ${count}`).join(', '),
    isOpen: true,
  },
];
