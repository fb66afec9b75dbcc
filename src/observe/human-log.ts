// The server's log as people read it in a terminal. Everything else gets the JSON lines.

/** What a start is about, for the lines that follow it. */
export interface StartFacts {
  version: string;
  /** Of the API, for instance `http://127.0.0.1:8080`. */
  address: string;
  metricsAddress: string | null;
  dataDir: string;
  /** Whether a request has to show a key or a token. */
  needsKey: boolean;
  isRoot: boolean;
  drainS: number;
}

/** Lines for whoever has just started a server: where it is, who may use it, how to stop it. */
export function startLines(facts: StartFacts): string {
  const { version, address, metricsAddress, dataDir, needsKey, isRoot, drainS } = facts;
  const access = needsKey
    ? 'each request needs an API key or a token (docs/operate/api-keys.md)'
    : `no API keys: every user of this machine can run commands${isRoot ? ' as root' : ''} (docs/operate/api-keys.md)`;
  const rows: [string, string][] = [
    ['API', `${address}/v1`],
    ['Docs', `${address}/docs`],
    ...(metricsAddress === null ? [] : ([['Metrics', `${metricsAddress}/metrics`]] as [string, string][])),
    ['Data', dataDir],
    ['Access', access],
    ['Stop', `Ctrl-C; running commands may continue for ${drainS} s. A second Ctrl-C ends them at once`],
  ];
  const width = Math.max(...rows.map(([name]) => name.length));
  const lines = rows.map(([name, text]) => `  ${name.padEnd(width)}  ${text}`);
  return `\nexecd ${version} is ready.\n\n${lines.join('\n')}\n\n`;
}

type Line = Record<string, unknown> & { level: number; time: number; msg?: string };

/** What pino puts on every line, and what is shown elsewhere. */
const NOT_SHOWN = new Set(['level', 'time', 'pid', 'hostname', 'msg', 'err']);
const LEVELS: readonly [number, string, string][] = [
  [60, 'FATAL', '\x1b[31m'],
  [50, 'ERROR', '\x1b[31m'],
  [40, 'WARN', '\x1b[33m'],
];
const RESET = '\x1b[0m';

/** A line of the log for a terminal. What is not such a line stays as it is. */
export function humanLine(json: string, hasColors: boolean): string {
  let line: Line;
  try {
    line = JSON.parse(json) as Line;
  } catch {
    return json;
  }
  const [, word = '', color = ''] = LEVELS.find(([level]) => line.level >= level) ?? [];
  const level = word === '' ? '' : `${hasColors ? `${color}${word}${RESET}` : word} `;
  const fields = Object.entries(line).filter(([name]) => !NOT_SHOWN.has(name));
  const shown = fields.map(([name, value]) => `${name}=${valueOf(value)}`).join(' ');
  const text = printable(`${line.msg ?? ''}${shown === '' ? '' : ` (${shown})`}`);
  return `${timeOf(line.time)} ${level}${text}${errorOf(line.err, line.level)}\n`;
}

function timeOf(ms: number): string {
  return new Date(ms).toTimeString().slice(0, 8);
}

function valueOf(value: unknown): string {
  return typeof value === 'string' && /^[^\s"()]+$/.test(value) ? value : JSON.stringify(value);
}

/** Names and outputs of others stand in a line; a terminal must not obey them. */
function printable(text: string): string {
  return text.replace(/\p{Cc}/gu, (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`);
}

function errorOf(error: unknown, level: number): string {
  if (typeof error !== 'object' || error === null) return '';
  const { message, stack } = error as { message?: string; stack?: string };
  const lines = level >= 50 && stack !== undefined ? stack.split('\n') : [message ?? ''];
  return lines.map((line) => `\n    ${printable(line)}`).join('');
}
