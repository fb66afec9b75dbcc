// A plot of figures over time, from the samples of this tab.
import { useEffect, useRef } from 'react';
import uPlot from 'uplot';
import 'uplot/dist/uPlot.min.css';
import { useTheme } from '../shell/theme.ts';

export interface Line {
  name: string;
  /** Name of a colour of the style. */
  color: string;
  values: readonly (number | null)[];
}

interface Props {
  title: string;
  /** Milliseconds since the epoch. */
  times: readonly number[];
  lines: readonly Line[];
  word: (value: number) => string;
  /** Where the axis ends at least. */
  least?: number;
}

const HEIGHT = 150;
/** So much time is shown at least: a tab that was just opened has one sample. */
const LEAST_S = 60;

export function Plot({ title, times, lines, word, least = 1 }: Props) {
  const box = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot | null>(null);
  const theme = useTheme();
  const names = lines.map(({ name }) => name).join();
  useEffect(() => {
    const element = box.current;
    if (element === null) return;
    const made = new uPlot(optionsOf(element, { lines, word, least }), [[], ...lines.map(() => [])], element);
    plot.current = made;
    const observer = new ResizeObserver(() => made.setSize({ width: element.clientWidth, height: HEIGHT }));
    observer.observe(element);
    return () => {
      observer.disconnect();
      made.destroy();
    };
    // Another theme has other colours, which a canvas does not take over by itself.
  }, [names, theme]);
  useEffect(() => {
    plot.current?.setData([times.map((at) => at / 1000), ...lines.map(({ values }) => [...values])]);
  });
  const last = lines.map(({ name, values }) => {
    const value = values.at(-1);
    return `${name} ${value == null ? '–' : word(value)}`;
  });
  return (
    <figure className="plot" aria-label={`${title}: ${last.join(', ')}`}>
      <figcaption>
        <strong>{title}</strong>
        {lines.map(({ name, color }, i) => (
          <span key={name} className="plot-name">
            <svg viewBox="0 0 10 10" aria-hidden="true">
              <circle cx="5" cy="5" r="4" fill={`var(--${color})`} />
            </svg>
            {last[i]}
          </span>
        ))}
      </figcaption>
      <div ref={box} aria-hidden="true" />
    </figure>
  );
}

function optionsOf(
  element: HTMLElement,
  { lines, word, least }: Required<Pick<Props, 'lines' | 'word' | 'least'>>,
): uPlot.Options {
  const style = getComputedStyle(element);
  const color = (name: string) => style.getPropertyValue(`--${name}`);
  const axis = {
    stroke: color('muted'),
    grid: { stroke: color('line'), width: 1 },
    ticks: { show: false },
    font: `11px ${style.fontFamily}`,
  };
  return {
    width: element.clientWidth,
    height: HEIGHT,
    legend: { show: false },
    cursor: { show: false },
    scales: {
      x: { range: (_plot, low, high) => [Math.min(low, high - LEAST_S), high] },
      y: { range: (_plot, _low, high) => [0, Math.max(least, high * 1.1)] },
    },
    axes: [
      { ...axis, values: '{HH}:{mm}:{ss}', space: 90, size: 26 },
      {
        ...{ ...axis, size: 62 },
        // Two lines that would have the same word: the upper one has it.
        values: (_plot, all) =>
          all.map((value, i) =>
            i + 1 < all.length && word(value) === word(all[i + 1] as number) ? '' : word(value),
          ),
      },
    ],
    series: [
      {},
      ...lines.map(({ name, color: own }) => ({
        label: name,
        stroke: color(own),
        width: 1.5,
        points: { show: false },
      })),
    ],
  };
}
