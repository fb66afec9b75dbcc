// The names of the kinds in the OpenAPI document: ShellSpec, ShellBatchItem, ShellStep.
import type { z } from 'zod';
import type { SPEC_KINDS } from '../../domain/kinds.ts';
import type { specSchema } from '../../domain/spec/spec.ts';

/** The kinds of a spec, each under its own name. */
const KIND_NAMES = {
  exec: 'Exec',
  shell: 'Shell',
  script: 'Script',
  aws_cli: 'AwsCli',
  http: 'Http',
  operation: 'Operation',
} as const satisfies Record<(typeof SPEC_KINDS)[number], string>;

export function byKind(
  schema: Pick<ReturnType<typeof specSchema>, 'options'>,
  suffix: string,
): Record<string, z.ZodType> {
  return Object.fromEntries(
    schema.options.map((option) => [KIND_NAMES[option.shape.kind.value] + suffix, option]),
  );
}
