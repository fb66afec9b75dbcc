// The wire of hooks. A sender learns what became of its delivery, and no more of the execution than its end.
import { z } from 'zod';
import type { HookVerdict } from '../../domain/operations/hook.ts';
import { type Execution, isFinished } from '../../domain/execution/execution.ts';
import { exitCodeOf } from '../../domain/outcome.ts';
import { status } from '../edge/words.ts';

export const hookAnswer = z
  .strictObject({
    result: z
      .enum(['accepted', 'replayed', 'skipped', 'challenge'])
      .describe(
        '`accepted`: an execution was accepted. `replayed`: an earlier delivery with the same id started it. `skipped`: `when` of the hook is false. `challenge`: the answer to the URL check of Slack.',
      ),
    execution_id: z.string().nullable().describe('Id of the execution; null if there is none.'),
    status: status.nullable().describe('Its status; null if there is none.'),
    exit_code: z
      .int()
      .nullable()
      .describe('Exit code of its command; null before the end, or if there is none.'),
    challenge: z.string().optional().describe('The text that Slack has sent.'),
  })
  .describe('The result of a delivery.');
export type HookAnswer = z.infer<typeof hookAnswer>;
export const hookComponents = { HookAnswer: hookAnswer };

export function toHookAnswer(verdict: Exclude<HookVerdict, { type: 'run' }>): HookAnswer {
  const none = { execution_id: null, status: null, exit_code: null };
  if (verdict.type === 'skipped') return { result: 'skipped', ...none };
  return { result: 'challenge', ...none, challenge: verdict.challenge };
}

export function toRunAnswer(execution: Execution, isReplay: boolean): HookAnswer {
  return {
    result: isReplay ? 'replayed' : 'accepted',
    execution_id: execution.id,
    status: execution.status,
    exit_code: isFinished(execution) ? exitCodeOf(execution.outcome) : null,
  };
}
