// What a form begins with.
import type { Execution } from '../../../src/client/types.ts';
import type { Fields } from './schema-form.tsx';

export const EXAMPLES: Readonly<Record<Exclude<Execution['kind'], 'wait'>, Fields>> = {
  shell: { kind: 'shell', command: 'echo hello' },
  exec: { kind: 'exec', program: '/usr/bin/env' },
  script: { kind: 'script', source: '#!/bin/sh\nset -eu\necho hello\n' },
  http: { kind: 'http', url: 'https://example.com/' },
  aws_cli: { kind: 'aws_cli', args: ['sts', 'get-caller-identity'] },
  operation: { kind: 'operation' },
  plan: {
    description: 'Build, then test',
    strategy: { type: 'dependency_graph' },
    steps: [
      { name: 'build', kind: 'shell', command: 'echo building; sleep 1' },
      { name: 'lint', kind: 'shell', command: 'echo linting; sleep 1' },
      { name: 'test', kind: 'shell', command: 'echo testing', depends_on: ['build', 'lint'] },
    ],
  },
};
