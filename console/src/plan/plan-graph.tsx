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
import { useMemo } from 'react';
import type { StepState } from '../../../src/client/types.ts';
import { StatusMark } from '../ui/status-mark.tsx';
import { duration } from '../words/format.ts';
import { NODE, placesOf } from './layout.ts';

type StepNode = Node<{ step: StepState; isFaint: boolean }, 'step'>;

interface Props {
  steps: readonly StepState[];
  /** The others are drawn faintly. */
  shown: readonly StepState[];
  selected: string | null;
  onSelect: (name: string) => void;
}

const NODE_TYPES = { step: StepCard };

export function PlanGraph({ steps, shown, selected, onSelect }: Props) {
  const shape = JSON.stringify(steps.map(({ name, depends_on: before }) => [name, before]));
  // Positions depend on the shape only; states change all the time.
  const places = useMemo(() => placesOf(steps), [shape]);
  const edges = useMemo(() => edgesOf(steps), [shape, steps]);
  const nodes = steps.map((step): StepNode => ({
    id: step.name,
    type: 'step',
    position: places.get(step.name) ?? { x: 0, y: 0 },
    data: { step, isFaint: !shown.includes(step) },
    selected: step.name === selected,
    ...NODE,
  }));
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
        onlyRenderVisibleElements={steps.length > 150}
        fitView
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
      animated: status === 'running',
      className: `edge tone-${status}`,
    })),
  );
}

function StepCard({ data: { step, isFaint }, selected }: NodeProps<StepNode>) {
  const { name, status, phase, duration_ms: took, attempts, kept_from: kept } = step;
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
        {kept !== null ? 'kept' : took === null ? '' : duration(took)}
        {attempts > 1 && ` ×${attempts}`}
      </span>
      <Handle type="source" position={Position.Right} isConnectable={false} />
    </button>
  );
}
