// How far a plan is: which steps wait, run, have ended, and which are due. Pure, and the only place that knows the rules:
//
// A step has come off well when it completed, when its failure is to be ignored (`continue_on_error`), or when its own
// condition skipped it. It is due when all steps before it have ended, and these have come to what its `run_if` asks:
// all well (success), one not well (failure), or anything (always). Otherwise it is skipped: not well when it waited for
// a success, well when it waited for a failure that did not come.
import type { Graph, Node } from './plan-graph.ts';
import { followersOf } from './plan-graph.ts';
import type { FinalStatus } from '../outcome.ts';

export const SKIP_REASONS = [
  'dependency_failed',
  'condition_false',
  'nothing_failed',
  'stopped',
  'cancelled',
] as const;
export type SkipReason = (typeof SKIP_REASONS)[number];

type EndStatus = FinalStatus | 'skipped';
export type StepStatus = 'pending' | 'running' | EndStatus;

export interface Step {
  status: StepStatus;
  /** Meaningful once it has ended. */
  isWell: boolean;
}

export class PlanState {
  readonly #graph: Graph;
  readonly #nodes: Node[];
  readonly #after: number[][];
  /** Steps before each that have not ended. */
  readonly #open: number[];
  readonly #steps: Step[];
  /** Those before which all have ended, in the order in which that came. */
  readonly #due: number[] = [];
  #live = 0;
  #ended = 0;
  #hasFailed = false;

  constructor(graph: Graph) {
    this.#graph = graph;
    this.#nodes = [...graph.nodes];
    this.#after = followersOf(graph.nodes.map(({ before }) => before));
    this.#open = graph.nodes.map(({ before }) => before.length);
    this.#steps = graph.nodes.map((): Step => ({ status: 'pending', isWell: false }));
    this.#open.forEach((n, i) => n === 0 && this.#due.push(i));
  }

  get nodes(): readonly Node[] {
    return this.#nodes;
  }

  get live(): number {
    return this.#live;
  }

  get hasEnded(): boolean {
    return this.#ended === this.#nodes.length;
  }

  step(i: number): Step {
    return this.#steps[i] as Step;
  }

  /** Adds a step that waits for none: the next round of a loop. */
  append(node: Node): number {
    const i = this.#nodes.push(node) - 1;
    this.#after.push([]);
    this.#open.push(0);
    this.#steps.push({ status: 'pending', isWell: false });
    this.#due.push(i);
    return i;
  }

  /** The next step that is due, with why it is to be skipped, if it is; null while none may begin. */
  next(): { step: number; skip: SkipReason | null } | null {
    // What had ended before the server did is due no more.
    while (this.#due[0] !== undefined && this.step(this.#due[0]).status !== 'pending') this.#due.shift();
    const step = this.#due[0];
    if (step === undefined) return null;
    const skip = this.#whySkipped(step);
    const { maxLive } = this.#graph;
    if (skip === null && maxLive !== null && this.#live >= maxLive) return null;
    this.#due.shift();
    return { step, skip };
  }

  #whySkipped(step: number): SkipReason | null {
    if (this.#graph.stopsOnError && this.#hasFailed) return 'stopped';
    const { before, runIf } = this.#nodes[step] as Node;
    if (runIf === 'always') return null;
    const areWell = before.every((i) => this.step(i).isWell);
    if (runIf === 'success') return areWell ? null : 'dependency_failed';
    return areWell ? 'nothing_failed' : null;
  }

  begin(step: number): void {
    const state = this.step(step);
    if (state.status !== 'pending') return;
    state.status = 'running';
    this.#live += 1;
  }

  /** A step that could not be begun after all is due again. */
  putBack(step: number): void {
    const state = this.step(step);
    if (state.status !== 'running') return;
    state.status = 'pending';
    this.#live -= 1;
    this.#due.unshift(step);
  }

  skip(step: number, reason: SkipReason): void {
    this.#end(step, 'skipped', reason === 'condition_false' || reason === 'nothing_failed');
  }

  /** Takes in the end of a step; a second time changes nothing. */
  end(step: number, status: FinalStatus): void {
    const isWell = status === 'completed' || (this.#nodes[step] as Node).continueOnError;
    this.#end(step, status, isWell);
  }

  #end(step: number, status: EndStatus, isWell: boolean): void {
    const state = this.step(step);
    if (state.status !== 'pending' && state.status !== 'running') return;
    if (state.status === 'running') this.#live -= 1;
    Object.assign(state, { status, isWell });
    this.#ended += 1;
    this.#hasFailed ||= !isWell;
    for (const i of this.#after[step] as number[]) {
      this.#open[i] = (this.#open[i] as number) - 1;
      if (this.#open[i] === 0) this.#due.push(i);
    }
  }

  /** Steps that have ended otherwise than well, but for those that were skipped: why the plan has failed. */
  failed(): number[] {
    return this.#steps.flatMap(({ status, isWell }, i) =>
      !isWell && !['pending', 'running', 'skipped'].includes(status) ? [i] : [],
    );
  }
}
