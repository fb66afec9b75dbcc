import t from 'tap';
import { startedOpenFiles } from '../../src/runners/commands/open-files.ts';

t.test(
  'the limit of the nearest ancestor that has not raised its own is what execd was started with',
  async (t) => {
    const hard = 524_288;
    const raised = { soft: hard, hard };
    type Ancestors = Record<number, { parent: number; soft: number; hard: number }>;
    const rows: [string, Ancestors, number][] = [
      ['a shell', { 10: { parent: 1, soft: 4096, hard } }, 4096],
      [
        'npm in a shell',
        { 10: { parent: 9, ...raised }, 9: { parent: 8, ...raised }, 8: { parent: 1, soft: 2048, hard } },
        2048,
      ],
      ['a service manager', { 10: { parent: 0, ...raised } }, 1024],
      ['nobody that can be seen', {}, 1024],
      ['a circle', { 10: { parent: 10, ...raised } }, 1024],
      ['no bound at all', { 10: { parent: 0, soft: Infinity, hard: Infinity } }, 1024],
    ];
    for (const [what, ancestors, expected] of rows)
      t.equal(
        startedOpenFiles(10, (pid) => ancestors[pid] ?? null),
        expected,
        what,
      );
    t.ok(startedOpenFiles(process.pid) > 0, 'the real ones can be read');
  },
);
