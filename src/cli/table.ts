// Tables for terminals: columns as wide as their content, the last ones cut where the terminal ends.
import stringWidth from 'string-width';
import type { Sink, Style } from './terminal.ts';
import { plain } from './units.ts';

export interface Column<Row> {
  name: string;
  value: (row: Row) => string;
  style?: (row: Row) => Style | null;
  /** Numbers stand at the right. */
  isRight?: boolean;
  /** Cut to what is left of the line; for the last column. */
  isOpen?: boolean;
}

const GAP = '  ';
const MIN_OPEN = 8;

export function table<Row>(sink: Sink, columns: readonly Column<Row>[], rows: readonly Row[]): string {
  const cells = rows.map((row) => columns.map(({ value }) => plain(value(row))));
  const widths = columns.map(({ name }, i) =>
    Math.max(stringWidth(name), ...cells.map((line) => stringWidth(line[i] ?? ''))),
  );
  const room = sink.columns;
  const lineOf = (line: readonly string[], row: Row | null): string => {
    let used = 0;
    const shown = columns.map(({ style, isRight, isOpen }, i) => {
      const width = widths[i] ?? 0;
      const text = line[i] ?? '';
      const isLast = i === columns.length - 1;
      const most = isOpen === true && room !== null ? Math.max(MIN_OPEN, room - used) : Infinity;
      const cut = stringWidth(text) > most ? `${cutTo(text, most - 1)}…` : text;
      const space = ' '.repeat(Math.max(0, width - stringWidth(cut)));
      used += width + GAP.length;
      const of = row === null ? 'dim' : (style?.(row) ?? null);
      const styled = of === null ? cut : sink.style(of, cut);
      if (isRight === true) return space + styled;
      return isLast ? styled : styled + space;
    });
    return shown.join(GAP).trimEnd();
  };
  const head = lineOf(
    columns.map(({ name }) => name),
    null,
  );
  return [head, ...rows.map((row, i) => lineOf(cells[i] ?? [], row))].join('\n');
}

function cutTo(text: string, columns: number): string {
  let cut = '';
  let width = 0;
  for (const char of text) {
    width += stringWidth(char);
    if (width > columns) break;
    cut += char;
  }
  return cut;
}

/** Names and values below each other. */
export function facts(sink: Sink, rows: readonly (readonly [string, string | null])[]): string {
  const shown = rows.filter((row): row is readonly [string, string] => row[1] !== null);
  const width = Math.max(...shown.map(([name]) => name.length));
  return shown
    .map(([name, value]) => {
      const [first = '', ...more] = value.split('\n');
      const rest = more.map((line) => `\n${' '.repeat(width + 2)}${line}`).join('');
      return `${sink.style('dim', name.padEnd(width))}  ${first}${rest}`;
    })
    .join('\n');
}

const STATUS_STYLES: Record<string, Style> = {
  ...{ completed: 'green', failed: 'red', timed_out: 'red', cancelled: 'yellow', running: 'cyan' },
  ...{ pending: 'dim', skipped: 'dim', closed: 'green', open: 'red', half_open: 'yellow' },
};

export const statusStyle = (status: string): Style | null => STATUS_STYLES[status] ?? null;
