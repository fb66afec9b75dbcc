// The thread that evaluates conditions: one after the other, each within its limit of time. What the server answers comes
// first: conditions of one user may keep a processor busy for long.
import { readlinkSync } from 'node:fs';
import { setPriority } from 'node:os';
import { basename } from 'node:path';
import { parentPort } from 'node:worker_threads';
import { LRUCache } from 'lru-cache';
import { ConditionError, type Scope } from '../domain/plans/conditions.ts';
import { readJson, writeJson } from '../domain/exact-json.ts';
import { celCompiler, type Program } from './cel.ts';
import type { ThreadReply } from './condition-thread.ts';
import type { Evaluation } from './conditions.ts';

/** Characters of compiled conditions that are kept. */
const KEPT = 128 * 1024;

const compile = celCompiler();
const known = new LRUCache<string, Program<unknown>>({
  maxSize: KEPT,
  sizeCalculation: (_program, key) => key.length,
});

function evaluate({ kind, source, roots, scope }: Evaluation): ThreadReply {
  try {
    const key = `${kind} ${roots.join(' ')}: ${source}`;
    const program = known.get(key) ?? compile[kind](source, roots);
    known.set(key, program);
    return { type: 'value', value: writeJson(program.evaluate(readJson(scope) as Scope)) };
  } catch (error) {
    if (error instanceof ConditionError) return { type: 'wrong', message: error.message };
    return { type: 'wrong', message: `cannot be evaluated: ${(error as Error).message}` };
  }
}

/** How much more other threads get where there is not enough for all (nice(2)). */
const NICENESS = 5;

/** Linux gives each thread a priority of its own. */
function giveWay(): void {
  try {
    setPriority(Number(basename(readlinkSync('/proc/thread-self'))), NICENESS);
  } catch {
    // It works as before where there is no /proc.
  }
}

giveWay();
const tell = (reply: ThreadReply) => parentPort?.postMessage(reply);
parentPort?.on('message', (evaluation: Evaluation) => tell(evaluate(evaluation)));
tell({ type: 'ready' });
