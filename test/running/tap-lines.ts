// What a worker writes to its standard output, line by line as TAP, read as tests that have ended.
import type { Readable } from 'node:stream';
import { Parser } from 'tap-parser';

/** Title of the test by which a worker marks the end of a file. */
export const END_OF_FILE = 'the file has ended';

/** Title of what comes after that mark. */
export const BETWEEN_FILES = 'between files';

export interface EndedTest {
  isOk: boolean;
  name: string;
  seconds: number;
  /** What helps to understand a failure. */
  detail: string;
}

interface Assertion {
  ok: boolean;
  name: string;
  /** Milliseconds. */
  time?: number | null;
  diag?: { diff?: string; source?: string; stack?: string } | null;
}

function describe(diag: Assertion['diag']): string {
  const { diff, source, stack } = diag ?? {};
  return `${diff ?? source ?? ''}\n${stack ?? ''}`;
}

export function readTests(output: Readable, onTest: (test: EndedTest) => void): void {
  const parser = new Parser();
  const details: string[] = [];
  const collect = (one: Parser, path: string): void => {
    one.on('child', (nested: Parser) => collect(nested, `${path} > ${nested.name}`));
    one.on('assert', (assertion: Assertion) => {
      if (!assertion.ok) details.push(`${path} > ${assertion.name}\n${describe(assertion.diag)}`);
    });
  };
  parser.on('child', (nested: Parser) => collect(nested, nested.name));
  // tap shows the error itself when the process ends, which may be long after, or never.
  parser.on('comment', (text: string) => {
    if (text.includes('error thrown in teardown')) details.push('What the test has left could not be ended.');
  });
  parser.on('assert', ({ ok, name, time, diag }: Assertion) => {
    const nested = details.splice(0).join('\n');
    const detail = nested === '' && !ok ? describe(diag) : nested;
    onTest({ isOk: ok, name, seconds: (time ?? 0) / 1000, detail });
  });
  output.pipe(parser);
}
