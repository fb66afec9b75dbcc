// Text with its colours, as pieces for the page. Of what a terminal obeys only colours and weights are left: everything else is
// taken out, and what remains becomes text and never markup.
import Anser from 'anser';

export interface Span {
  text: string;
  className: string;
  color?: string;
  background?: string;
}

/* oxlint-disable no-control-regex -- what is taken out are control characters. */
/** Titles, links, clipboards (OSC), and strings for devices, ended or not. */
const STRINGS = /\u001b[\]PX^_][^\u0007\u001b]*(?:\u0007|\u001b\\)?/g;
/** Moving, erasing, modes: sequences that do not end in `m`, and those whose parameters are not plain numbers. */
const OTHER_SEQUENCES = /\u001b\[(?![\d;]*m)[0-?]*[ -/]*[@-~]?/g;
const SHORT_SEQUENCES = /\u001b(?!\[)[ -/]*[0-~]?/g;
const CONTROLS = /[\u0000-\u0008\u000b-\u001a\u001c-\u001f\u007f-\u009f\u2028\u2029]/g;
const COLORS = /\u001b\[[\d;]*m/g;
/* oxlint-enable no-control-regex */

const clean = (text: string): string =>
  text.replace(STRINGS, '').replace(OTHER_SEQUENCES, '').replace(SHORT_SEQUENCES, '').replace(CONTROLS, '');

const needsCare = (text: string): boolean => text.includes('\u001b') || text.search(CONTROLS) !== -1;

/** The text alone, as it is searched and copied. */
export function plainText(text: string): string {
  return needsCare(text) ? clean(text).replace(COLORS, '') : text;
}

export function spansOf(text: string, style = ''): Span[] {
  if (style === '' && !needsCare(text)) return [{ text, className: '' }];
  const pieces = Anser.ansiToJson(style + clean(text), { json: true, use_classes: true, remove_empty: true });
  return pieces.map((piece) => {
    const fg = colorOf(piece.fg, piece.fg_truecolor);
    const bg = colorOf(piece.bg, piece.bg_truecolor);
    const names = [fg.name && `fg-${fg.name}`, bg.name && `bg-${bg.name}`, ...piece.decorations];
    return {
      text: piece.content,
      className: names.filter(Boolean).join(' '),
      ...(fg.value !== undefined && { color: fg.value }),
      ...(bg.value !== undefined && { background: bg.value }),
    };
  });
}

/** One of the sixteen by its name, so that the theme decides; any other one by its value. */
function colorOf(name: string | null, truecolor: string | null): { name?: string; value?: string } {
  if (name === null || name === '') return {};
  if (name === 'ansi-truecolor') return truecolor === null ? {} : { value: `rgb(${truecolor})` };
  const number = /^ansi-palette-(\d+)$/.exec(name)?.[1];
  return number === undefined ? { name: name.replace('ansi-', '') } : { value: paletteColor(Number(number)) };
}

const LEVELS = [0, 95, 135, 175, 215, 255];

/** Colours 16 to 255 of a terminal: a cube, and grays. */
function paletteColor(number: number): string {
  if (number >= 232) {
    const gray = 8 + (number - 232) * 10;
    return `rgb(${gray},${gray},${gray})`;
  }
  const at = number - 16;
  const level = (part: number) => LEVELS[part % 6] ?? 0;
  return `rgb(${level(Math.floor(at / 36))},${level(Math.floor(at / 6))},${level(at)})`;
}

/** Marks what was searched for: pieces are cut where it begins and ends. */
export function marked(spans: readonly Span[], query: string): Span[] {
  if (query === '') return [...spans];
  const all = spans
    .map(({ text }) => text)
    .join('')
    .toLowerCase();
  const needle = query.toLowerCase();
  const cuts: [from: number, to: number][] = [];
  for (let at = all.indexOf(needle); at !== -1; at = all.indexOf(needle, at + needle.length))
    cuts.push([at, at + needle.length]);
  const result: Span[] = [];
  let from = 0;
  for (const span of spans) {
    const to = from + span.text.length;
    let at = from;
    for (const [begin, end] of cuts) {
      if (end <= from || begin >= to) continue;
      const [low, high] = [Math.max(begin, from), Math.min(end, to)];
      if (low > at) result.push({ ...span, text: span.text.slice(at - from, low - from) });
      const className = `${span.className} hit`;
      result.push({ ...span, className, text: span.text.slice(low - from, high - from) });
      at = high;
    }
    if (at < to) result.push({ ...span, text: span.text.slice(at - from) });
    from = to;
  }
  return result;
}
