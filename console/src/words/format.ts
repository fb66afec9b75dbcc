// Numbers and times as people read them.
const SECOND = 1000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

/** `840 ms`, `3.2 s`, `4 min 5 s`, `2 h 10 min`. */
export function duration(ms: number): string {
  if (ms < 0) return '0 ms';
  if (ms < SECOND) return `${Math.round(ms)} ms`;
  if (ms < 10 * SECOND) return `${(ms / SECOND).toFixed(1)} s`;
  if (ms < MINUTE) return `${Math.round(ms / SECOND)} s`;
  if (ms < HOUR) return two(ms, [MINUTE, 'min'], [SECOND, 's']);
  if (ms < DAY) return two(ms, [HOUR, 'h'], [MINUTE, 'min']);
  return two(ms, [DAY, 'd'], [HOUR, 'h']);
}

type Unit = readonly [number, string];

function two(ms: number, [big, bigName]: Unit, [small, smallName]: Unit): string {
  const whole = Math.floor(ms / big);
  const rest = Math.floor((ms % big) / small);
  return rest === 0 ? `${whole} ${bigName}` : `${whole} ${bigName} ${rest} ${smallName}`;
}

/** `12 s ago`, `3 min ago`, `2 h ago`, `4 d ago`. */
export function ago(time: string | number, now: number): string {
  const ms = now - new Date(time).getTime();
  if (ms < 2 * SECOND) return 'now';
  if (ms < MINUTE) return `${Math.floor(ms / SECOND)} s ago`;
  if (ms < HOUR) return `${Math.floor(ms / MINUTE)} min ago`;
  if (ms < DAY) return `${Math.floor(ms / HOUR)} h ago`;
  return `${Math.floor(ms / DAY)} d ago`;
}

const clock = new Intl.DateTimeFormat(undefined, { timeStyle: 'medium', hourCycle: 'h23' });
const full = new Intl.DateTimeFormat(undefined, { dateStyle: 'medium', timeStyle: 'long', hourCycle: 'h23' });
/** Time of the day, with milliseconds where they matter. */
export const timeOfDay = (time: string | number): string => clock.format(new Date(time));
export const fullTime = (time: string | number): string => full.format(new Date(time));

const UNITS = ['B', 'KiB', 'MiB', 'GiB', 'TiB'] as const;

export function bytes(count: number): string {
  let value = count;
  let unit = 0;
  while (value >= 1024 && unit < UNITS.length - 1) {
    value /= 1024;
    unit += 1;
  }
  return `${unit === 0 || value >= 100 ? Math.round(value) : value.toFixed(1)} ${UNITS[unit]}`;
}

const grouped = new Intl.NumberFormat('en', { maximumFractionDigits: 0 });
export const whole = (count: number): string => grouped.format(count);
export const percent = (ratio: number): string =>
  `${(ratio * 100).toFixed(ratio > 0.995 && ratio < 1 ? 1 : 0)} %`;
export const plural = (count: number, word: string): string =>
  `${whole(count)} ${word}${count === 1 ? '' : word.endsWith('s') ? 'es' : 's'}`;

/** The end of an id: it is the random part, which is what tells two of them apart. */
export const shortId = (id: string): string => id.slice(-8);
