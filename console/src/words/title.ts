// One line for what an execution runs.
import type { Execution } from '../../../src/client/types.ts';
import { shellWord } from './shell.ts';

type Fields = Record<string, unknown>;
const text = (value: unknown): string => (typeof value === 'string' ? value : '');

export function titleOf({ kind, spec, operation }: Pick<Execution, 'kind' | 'spec' | 'operation'>): string {
  const fields: Fields = spec;
  switch (kind) {
    case 'shell':
      return oneLine(text(fields.command));
    case 'exec':
      return oneLine([text(fields.program), ...words(fields.args)].map(shellWord).join(' '));
    case 'aws_cli':
      return oneLine(['aws', ...words(fields.args)].map(shellWord).join(' '));
    case 'script':
      return text(fields.filename) === '' ? oneLine(text(fields.source)) : text(fields.filename);
    case 'http':
      return `${text(fields.method) === '' ? 'GET' : text(fields.method)} ${text(fields.url)}`;
    case 'operation':
      return oneLine(`${operation ?? ''} ${paramsOf(fields)}`);
    case 'wait':
      return waited(fields);
    case 'plan':
      return oneLine(text(fields.description) || text(fields.id) || stepsOf(fields));
  }
}

function waited({ signal, approval, until }: Fields): string {
  if (signal !== undefined) return `wait for the signal ${text((signal as Fields).name)}`;
  return approval === undefined ? `wait until ${text(until)}` : 'wait for an approval';
}

const words = (value: unknown): string[] =>
  Array.isArray(value) ? value.map((one) => (typeof one === 'string' ? one : JSON.stringify(one))) : [];

function paramsOf({ params }: Fields): string {
  const all = Object.entries((params ?? {}) as Fields);
  return all.map(([name, value]) => `${name}=${text(value) || JSON.stringify(value)}`).join(' ');
}

function stepsOf({ steps }: Fields): string {
  const names = Array.isArray(steps) ? steps.map((step) => text((step as Fields).name)) : [];
  return names.length === 0 ? 'plan' : names.slice(0, 8).join(' → ');
}

const SHOWN = 300;
function oneLine(value: string): string {
  return value.slice(0, SHOWN).replaceAll(/\s+/g, ' ').trim();
}
