// `execd completion`: scripts for shells that complete commands and options. They are made of the commands that there are.
import type { Command } from 'commander';
import { usage } from '../exits.ts';
import type { Session } from '../session.ts';

const HELP = `
Put it where your shell looks:
  bash   echo 'source <(execd completion bash)' >>~/.bashrc
  zsh    echo 'source <(execd completion zsh)' >>~/.zshrc
  fish   execd completion fish >~/.config/fish/completions/execd.fish
`;

export function completionCommand(program: Command, session: Session): void {
  program
    .command('completion')
    .summary('print completion for bash, zsh or fish')
    .argument('<shell>', 'bash, zsh or fish')
    .addHelpText('after', HELP)
    .action(async (shell: string) => {
      const script = { bash, zsh, fish }[shell];
      if (script === undefined)
        throw usage(`${JSON.stringify(shell)} is not supported; the shells are bash, zsh and fish.`);
      await session.terminal.line(script(wordsOf(program)));
    });
}

export interface Words {
  /** The words before: ``, `plan`, `plan run`. */
  path: string;
  commands: { name: string; summary: string }[];
  options: string[];
}

export function wordsOf(command: Command, path: readonly string[] = []): Words[] {
  const commands = command.commands.map((one) => ({ name: one.name(), summary: one.summary() }));
  const options = command.options.filter(({ hidden }) => !hidden).flatMap(({ long }) => long ?? []);
  const below = command.commands.flatMap((one) => wordsOf(one, [...path, one.name()]));
  return [{ path: path.join(' '), commands, options: [...options, '--help'] }, ...below];
}

const quote = (text: string): string => `'${text.replaceAll("'", "'\\''")}'`;

/** Case by case, what may stand behind the words so far. */
function cases(words: readonly Words[]): string {
  return words
    .map(
      ({ path, commands, options }) =>
        `    ${quote(path)}) words=${quote([...commands.map(({ name }) => name), ...options].join(' '))} ;;`,
    )
    .join('\n');
}

export const bash = (words: readonly Words[]): string => `_execd() {
  local cur=\${COMP_WORDS[COMP_CWORD]} path= words= word
  for word in "\${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
    case "$word" in
    --) return ;;
    -*) ;;
    *) path="\${path:+$path }$word" ;;
    esac
  done
  case "$path" in
${cases(words)}
  esac
  COMPREPLY=($(compgen -W "$words @last" -- "$cur"))
}
complete -o default -F _execd execd`;

const zsh = (words: readonly Words[]): string => `#compdef execd
autoload -U +X bashcompinit && bashcompinit
${bash(words)}`;

export function fish(words: readonly Words[]): string {
  const lines = words.flatMap(({ path, commands, options }) => {
    const names = path.split(' ').filter((name) => name !== '');
    const when =
      names.length === 0
        ? '__fish_use_subcommand'
        : names.map((name) => `__fish_seen_subcommand_from ${name}`).join('; and ');
    return [
      ...commands.map(
        ({ name, summary }) => `complete -c execd -f -n ${quote(when)} -a ${name} -d ${quote(summary)}`,
      ),
      ...options.map((option) => `complete -c execd -n ${quote(when)} -l ${option.slice(2)}`),
    ];
  });
  return lines.join('\n');
}
