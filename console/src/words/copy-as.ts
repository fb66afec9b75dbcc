// The same request for other places: a shell, the command line of execd, a program.
import { EXECD_URL } from '../session/place.ts';
import { shellWord } from './shell.ts';

export const FORMS = ['curl', 'CLI', 'TypeScript'] as const;
export type Form = (typeof FORMS)[number];

interface Request {
  /** A spec of an execution, or a plan. */
  spec: object;
  isPlan: boolean;
  needsKey: boolean;
}

export function copyAs(form: Form, request: Request): string {
  if (form === 'curl') return curl(request);
  return form === 'CLI' ? cli(request) : typescript(request);
}

function curl({ spec, isPlan, needsKey }: Request): string {
  const lines = [
    `curl ${EXECD_URL}/v1/${isPlan ? 'plans' : 'executions'}`,
    "-H 'content-type: application/json'",
    ...(needsKey ? ['-H "authorization: Bearer $EXECD_API_KEY"'] : []),
    `-d ${shellWord(JSON.stringify(spec))}`,
  ];
  return lines.join(' \\\n  ');
}

type Fields = Record<string, unknown>;

/** Flags for what has one; any other field goes with `--set`. */
function cli({ spec, isPlan }: Request): string {
  if (isPlan) return `execd plan run - <<'END'\n${JSON.stringify(spec, null, 2)}\nEND`;
  const { kind, program, args, command, ...rest } = spec as Fields;
  const words = kind === 'exec' ? [program, ...((args as unknown[] | undefined) ?? [])] : null;
  const isPlainLine = kind === 'shell' && rest.shell === undefined;
  if ((words === null && !isPlainLine) || Object.keys(rest).length > 0)
    return `execd run --spec - <<'END'\n${JSON.stringify(spec, null, 2)}\nEND`;
  const line = words === null ? ['-c', command] : ['--', ...words];
  return ['execd', 'run', ...line].map((word) => shellWord(String(word))).join(' ');
}

function typescript({ spec, isPlan, needsKey }: Request): string {
  const options = [`url: '${EXECD_URL}'`, ...(needsKey ? ['apiKey: process.env.EXECD_API_KEY'] : [])];
  return [
    "import { connect } from 'execd/client';",
    '',
    `const execd = connect({ ${options.join(', ')} });`,
    `const ended = await execd.${isPlan ? 'plan' : 'run'}(${JSON.stringify(spec, null, 2)});`,
    'console.log(ended.status, ended.result);',
  ].join('\n');
}
