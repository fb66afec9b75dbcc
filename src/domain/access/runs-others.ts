// Programs that run others when they are told to: with any arguments they are as good as a shell. Their names are for a
// warning and decide nothing, because no list of such programs is ever whole.
import type { PolicyDefinition } from './access-rules.ts';

const NAMES = new Set(
  `ash bash busybox csh dash fish ksh mksh nu pwsh rbash sh tcsh zsh
  chroot doas env flock ionice nice nohup nsenter parallel prlimit pkexec runuser script setpriv setsid ssh stdbuf strace su
  sudo systemd-run taskset time timeout unshare watch xargs
  awk bun deno elixir erl gawk groovy guile irb java julia lua luajit mawk nawk node nodejs perl php python R ruby scala tclsh
  at batch bwrap cargo crontab docker ed emacs ex expect find gdb git go kubectl less make man mvn nmap npm npx podman rsync
  scp screen sed socat tar tmux vi view vim zip`.split(/\s+/),
);

/** Where a policy file lets such a program have any arguments. */
export function runsOthers({ templates, users }: PolicyDefinition): { path: string; program: string }[] {
  const open = Object.entries(templates)
    // In a sandbox a template is as narrow as its sandbox, whatever it runs.
    .filter(([, { args, isolation }]) => args === 'any' && isolation !== 'sandbox')
    .map(([name, { program }]) => ({ path: `templates.${name}`, program }));
  for (const [name, { may_run: list = [] }] of Object.entries(users)) {
    if (list === 'any') continue;
    for (const [i, one] of list.entries())
      if ('program' in one) open.push({ path: `users.${name}.may_run[${i}]`, program: one.program });
  }
  return open.filter(({ program }) => isNamed(program.slice(program.lastIndexOf('/') + 1)));
}

/** Also with a version behind its name, as in python3.11. */
function isNamed(name: string): boolean {
  return NAMES.has(name) || NAMES.has(name.replace(/-?[0-9.]+$/, ''));
}
