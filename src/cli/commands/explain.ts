// `execd explain`: why an execution or a plan is as it is, in the words of the server.
import type { Command } from 'commander';
import type { Explanation } from '../../client/index.ts';
import type { Session } from '../session.ts';
import { facts, statusStyle } from '../table.ts';
import { plain, shownDuration } from '../units.ts';

const EXAMPLES = `
Examples:
  $ execd explain                 the last execution: why it waits, or why it ended so
  $ execd explain 0197ab          any other, by the beginning of its id
  $ execd explain @last --json    the same for a program
`;

export function explainCommand(program: Command, session: Session): void {
  program
    .command('explain')
    .summary('explain why an execution waits or ended, and the effect of a rerun')
    .argument('[id]', 'an id, the beginning of one, or @last', '@last')
    .addHelpText('after', EXAMPLES)
    .action(async (text: string) => {
      const found = await session.client.explain(await session.idOf(text));
      if (session.isJson) return session.terminal.json(found);
      await session.terminal.line(shown(session, found));
    });
}

function shown({ terminal: { out } }: Session, one: Explanation): string {
  const { end, waiting, cache, rerun } = one;
  return facts(out, [
    ['Id', one.id],
    ['Status', out.style(statusStyle(one.status) ?? 'reset', one.status)],
    ['Why', plain(waiting?.words ?? end?.message ?? one.summary)],
    ['Meaning', end?.meaning == null ? null : plain(end.meaning)],
    ['Limit', end?.limit == null ? null : `${end.limit.name}: ${end.limit.value} ${end.limit.unit}`],
    ['Output', end?.last_output == null ? null : outputOf(end.last_output)],
    ['Waited', shownDuration(one.waited_ms)],
    ['Starts', waiting?.estimate_ms == null ? null : `in about ${shownDuration(waiting.estimate_ms)}`],
    ['Deadline', waiting?.deadline == null ? null : `${waiting.deadline.name}, at ${waiting.deadline.at}`],
    ['Attempts', one.attempts.map(({ number, words }) => `${number}: ${plain(words)}`).join('\n') || null],
    ['Cache', cache === null ? null : cacheOf(cache)],
    ['Steps', stepsOf(one)],
    ['Rerun', rerun === null ? null : plain(rerun.words)],
    ['Advice', adviceOf(one)],
  ]);
}

function outputOf({ stream, text }: NonNullable<NonNullable<Explanation['end']>['last_output']>): string {
  return [`the last lines of ${stream}:`, ...text.split('\n').map(plain)].join('\n');
}

function cacheOf({ words, differences }: NonNullable<Explanation['cache']>): string {
  const each = differences.map(({ field, here, there }) =>
    plain(`${field}: ${here ?? 'absent'} here, ${there ?? 'absent'} there`),
  );
  return [plain(words), ...each].join('\n');
}

function stepsOf({ steps, steps_left_out: more }: Explanation): string | null {
  if (steps === null || steps.length === 0) return null;
  const lines = steps.map(({ step, status, words, first }) =>
    plain(`${step} (${status}${first ? ', the first' : ''}): ${words}`),
  );
  return [...lines, ...(more > 0 ? [`and ${more} more`] : [])].join('\n');
}

function adviceOf({ end }: Explanation): string | null {
  return end === null || end.advice.length === 0 ? null : end.advice.map(plain).join('\n');
}
