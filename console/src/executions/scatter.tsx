// When executions began, and how long they took: what hangs together shows at a glance.
import { useEffect, useRef, useState } from 'react';
import { useLocation } from 'wouter';
import type { Execution } from '../../../src/client/types.ts';
import { duration, timeOfDay } from '../words/format.ts';
import { titleOf } from '../words/title.ts';

const HEIGHT = 168;
const EDGE = { top: 10, right: 14, bottom: 22, left: 62 };
const NEAR_PX = 10;

interface Dot {
  x: number;
  y: number;
  row: Execution;
}

export function Scatter({ rows }: { rows: readonly Execution[] }) {
  const canvas = useRef<HTMLCanvasElement>(null);
  const dots = useRef<Dot[]>([]);
  const [near, setNear] = useState<Dot | null>(null);
  const [, navigate] = useLocation();
  const ended = rows.filter(({ duration_ms: ms, timestamps }) => ms !== null && timestamps.started !== null);
  useEffect(() => {
    const draw = () => {
      if (canvas.current !== null) dots.current = plot(canvas.current, ended);
    };
    draw();
    window.addEventListener('resize', draw);
    return () => window.removeEventListener('resize', draw);
  });
  const find = (x: number, y: number): Dot | null =>
    dots.current.find((dot) => Math.hypot(dot.x - x, dot.y - y) < NEAR_PX) ?? null;
  return (
    <figure className="scatter">
      <canvas
        ref={canvas}
        role="img"
        aria-label={`Durations of ${ended.length} executions by the time they started`}
        onPointerMove={({ nativeEvent: { offsetX, offsetY } }) => setNear(find(offsetX, offsetY))}
        onPointerLeave={() => setNear(null)}
        onClick={() => near && navigate(`/executions/${near.row.id}`)}
      />
      {near !== null && (
        <figcaption style={{ left: near.x, top: near.y }}>
          <strong>{duration(near.row.duration_ms ?? 0)}</strong> {titleOf(near.row)}
        </figcaption>
      )}
    </figure>
  );
}

/** Draws, and answers where each one is. */
function plot(canvas: HTMLCanvasElement, rows: readonly Execution[]): Dot[] {
  const ratio = window.devicePixelRatio;
  const width = canvas.clientWidth;
  canvas.width = width * ratio;
  canvas.height = HEIGHT * ratio;
  const context = canvas.getContext('2d');
  if (context === null || rows.length === 0) return [];
  context.scale(ratio, ratio);
  const style = getComputedStyle(canvas);
  const color = (name: string) => style.getPropertyValue(`--${name}`);
  const times = rows.map(({ timestamps }) => Date.parse(timestamps.started ?? ''));
  const [from, to] = [Math.min(...times), Math.max(...times)];
  const logs = rows.map(({ duration_ms: ms }) => Math.log10(Math.max(1, ms ?? 1)));
  const [low, high] = [Math.floor(Math.min(...logs)), Math.ceil(Math.max(...logs, Math.min(...logs) + 1))];
  const right = width - EDGE.right;
  const bottom = HEIGHT - EDGE.bottom;
  const x = (at: number) => EDGE.left + ((at - from) / Math.max(1, to - from)) * (right - EDGE.left);
  const y = (log: number) => bottom - ((log - low) / (high - low)) * (bottom - EDGE.top);
  context.font = `11px ${style.fontFamily}`;
  context.fillStyle = color('muted');
  context.strokeStyle = color('line');
  context.textAlign = 'right';
  for (let log = low; log <= high; log++) {
    context.fillText(log < 3 ? `${10 ** log} ms` : `${10 ** (log - 3)} s`, EDGE.left - 8, y(log) + 4);
    context.beginPath();
    context.moveTo(EDGE.left, y(log) + 0.5);
    context.lineTo(right, y(log) + 0.5);
    context.stroke();
  }
  context.fillText(timeOfDay(to), right, HEIGHT - 4);
  context.textAlign = 'left';
  context.fillText(timeOfDay(from), EDGE.left, HEIGHT - 4);
  return rows.map((row, i) => {
    const dot = { x: x(times[i] ?? 0), y: y(logs[i] ?? 0), row };
    context.fillStyle = color(`tone-${row.status}`);
    context.globalAlpha = 0.75;
    context.beginPath();
    context.arc(dot.x, dot.y, 3, 0, 7);
    context.fill();
    return dot;
  });
}
