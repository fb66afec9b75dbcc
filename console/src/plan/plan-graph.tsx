// The steps as a graph, with their live states.
import {
  Background,
  Controls,
  type Edge,
  Handle,
  type Node,
  type NodeProps,
  Position,
  ReactFlow,
} from '@xyflow/react';
import '@xyflow/react/dist/base.css';
import { useDeferredValue, useMemo, useRef } from 'react';
import type { StepState } from '../../../src/client/types.ts';
import { Meter } from '../ui/meter.tsx';
import { StatusMark } from '../ui/status-mark.tsx';
import { duration } from '../words/format.ts';
import { NODE, placesOf } from './layout.ts';

const NO_STEPS: readonly StepState[] = [];

type StepNode = Node<{ step: StepState; isFaint: boolean }, 'step'>;

interface Props {
  steps: readonly StepState[];
  /** The others are drawn faintly. */
  shown: readonly StepState[];
  selected: string | null;
  onSelect: (name: string) => void;
}

const NODE_TYPES = { step: StepCard };

/** A larger plan is not shown as a whole: it would be too small to read, and slow. */
const LARGE = 150;
const LARGE_VIEW = { x: 16, y: 16, zoom: 0.8 };

export function PlanGraph(props: Props) {
  // Drawn when there is time for it: the rest of the screen does not wait.
  const steps = useDeferredValue(props.steps, NO_STEPS);
  const shown = useDeferredValue(props.shown, NO_STEPS);
  const { selected, onSelect } = props;
  const shape = JSON.stringify(steps.map(({ name, depends_on: before }) => [name, before]));
  // Positions depend on the shape only; states change all the time.
  const places = useMemo(() => placesOf(steps), [shape]);
  const edges = useMemo(() => edgesOf(steps), [shape, steps]);
  const known = useRef(new Map<string, StepNode>());
  const nodes = steps.map((step): StepNode => {
    const position = places.get(step.name) ?? { x: 0, y: 0 };
    const data = { step, isFaint: !shown.includes(step) };
    const node: StepNode = {
      id: step.name,
      type: 'step',
      position,
      data,
      selected: step.name === selected,
      ...NODE,
    };
    const before = known.current.get(step.name);
    // The same object as before is not drawn again.
    if (before !== undefined && JSON.stringify(before) === JSON.stringify(node)) return before;
    known.current.set(step.name, node);
    return node;
  });
  const isLarge = steps.length > LARGE;
  if (steps.length === 0) return <div className="graph" />;
  return (
    <div className="graph" role="region" aria-label="Graph of the steps">
      <ReactFlow
        nodes={nodes}
        edges={edges}
        nodeTypes={NODE_TYPES}
        onNodeClick={(_event, node) => onSelect(node.id)}
        nodesDraggable={false}
        nodesConnectable={false}
        nodesFocusable={false}
        edgesFocusable={false}
        onlyRenderVisibleElements={isLarge}
        fitView={!isLarge}
        defaultViewport={LARGE_VIEW}
        fitViewOptions={{ maxZoom: 1, minZoom: 0.3, padding: 0.12 }}
        minZoom={0.05}
        proOptions={{ hideAttribution: true }}
      >
        <Background gap={20} size={1} />
        <Controls showInteractive={false} />
      </ReactFlow>
    </div>
  );
}

function edgesOf(steps: readonly StepState[]): Edge[] {
  return steps.flatMap(({ name, status, depends_on: before }) =>
    before.map((one) => ({
      id: `${one} → ${name}`,
      source: one,
      target: name,
      animated: status === 'running' && steps.length <= LARGE,
      className: `edge tone-${status}`,
    })),
  );
}

function StepCard({ data: { step, isFaint }, selected }: NodeProps<StepNode>) {
  const { name, status, phase, attempts, percent } = step;
  return (
    <button
      type="button"
      className={`step-card tone-${status}${selected ? ' is-selected' : ''}${isFaint ? ' is-faint' : ''}`}
    >
      <Handle type="target" position={Position.Left} isConnectable={false} />
      <StatusMark status={status} phase={phase} />
      <span className="step-name" title={name}>
        {name}
      </span>
      <span className="step-more">
        {stateOf(step)}
        {attempts > 1 && ` ×${attempts}`}
      </span>
      {percent !== null && <Meter part={percent / 100} />}
      <Handle type="source" position={Position.Right} isConnectable={false} />
    </button>
  );
}

function stateOf({ kept_from: kept, percent, duration_ms: took }: StepState): string {
  if (kept !== null) return 'kept';
  if (percent !== null) return `${Math.round(percent)} %`;
  return took === null ? '' : duration(took);
}
