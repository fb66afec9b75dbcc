// `execd import`: what other systems have, in the words of execd.
import type { Command } from 'commander';
import type { Session } from '../session.ts';

/** As `npm run import`: the data has problems (EX_DATAERR of sysexits.h). */
const EXIT_DATA = 65;

const EXAMPLES = `
Examples:
  $ execd import webhook hooks.json --user ci --out converted
  $ EXECUTION_OPERATIONS_FILE=converted/operations.yaml EXECUTION_SECRETS_FILE=converted/secrets.yaml execd serve

The exit code is 65 if a hook was not converted.
`;

interface Flags {
  user: string;
  out: string;
}

export function importCommand(program: Command, session: Session, end: (code: number) => void): void {
  const group = program.command('import').summary('convert files of other systems');
  group
    .command('webhook')
    .summary('convert the hooks of adnanh/webhook')
    .description(
      'Makes operations with hooks of a hooks file of adnanh/webhook, in JSON or YAML: operations.yaml, secrets.yaml and the values of the secrets. Names every field that execd cannot keep, and the remedy. Needs no server.',
    )
    .argument('<file>', 'hooks.json or hooks.yaml')
    .requiredOption('--user <name>', 'the user for whom the hooks run')
    .option('--out <dir>', 'directory for the files; execd overwrites none', 'execd-hooks')
    .addHelpText('after', EXAMPLES)
    .action((file: string, flags: Flags) => webhook(session, { file, ...flags }, end));
}

async function webhook(
  { terminal, isJson }: Session,
  { file, user, out }: Flags & { file: string },
  end: (code: number) => void,
): Promise<void> {
  const { importWebhook } = await import('../../bin/import-webhook.ts');
  const imported = importWebhook({ file, user, dir: out });
  const { hooks, remarks, files } = imported;
  const problems = remarks.filter(({ type }) => type === 'problem');
  if (problems.length > 0) end(EXIT_DATA);
  if (isJson) return terminal.json(imported);
  for (const { hook, operation, path } of hooks)
    await terminal.line(`${hook}: operation ${operation}, POST ${path}`);
  for (const { hook, field, type, message } of remarks) {
    const verb = type === 'problem' ? 'not converted' : 'changes';
    await terminal.line(`${hook}: ${verb}: ${field}: ${message}`);
  }
  for (const path of files) await terminal.note(`written: ${path}`);
}
