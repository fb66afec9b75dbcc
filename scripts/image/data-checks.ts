// What becomes of the data: a backup, a stop, a start over the same volume, and a crash.
import { deepEqual, equal } from 'node:assert/strict';
import type { Check } from './checks.ts';
import type { Containers } from './containers.ts';
import { type Service, within } from './service.ts';
import { stdoutOf } from './service-checks.ts';

/** As docs/operate/deploy.md has it. */
const BACKUP = `const { backup, DatabaseSync } = require("node:sqlite");
backup(new DatabaseSync("/data/execd.db", { readOnly: true }), "/data/backup.db");`;
const READ_BACKUP = `const copy = new (require("node:sqlite").DatabaseSync)("/data/backup.db");
console.log(copy.prepare("PRAGMA integrity_check").get().integrity_check);
console.log(copy.prepare("SELECT count(*) AS n FROM executions WHERE id = ?").get(process.argv[1]).n);`;

export function dataChecks(containers: Containers, service: Service): Check[] {
  const { podman } = containers;
  let kept = 'none';
  let drained = 'none';
  const isKept = async () => {
    equal(stdoutOf(await service.get(`/v1/executions/${kept}`)), 'kept\n');
    equal(await service.text(`/v1/executions/${kept}/logs`), 'kept\n');
  };
  return [
    {
      title: 'a backup can be taken while it runs',
      async holds() {
        kept = (await service.run('echo kept')).id;
        await podman('exec', 'first', 'node', '-e', BACKUP);
        equal(await podman('exec', 'first', 'node', '-e', READ_BACKUP, kept), 'ok\n1');
      },
    },
    {
      title: 'on SIGTERM it waits for what runs and ends with exit code 0',
      async holds() {
        drained = (await service.submit('sleep 3; echo drained')).id;
        await service.runs(drained);
        await end(containers, 'first', 'TERM');
        equal(await podman('inspect', '-f', '{{.State.ExitCode}}', 'first'), '0');
      },
    },
    {
      title: 'it starts again over the same volume',
      async holds() {
        await podman('rm', 'first');
        await service.start('second');
      },
    },
    { title: 'an execution that had finished is still there, with its log', holds: isKept },
    {
      title: 'an execution that ran at the time of SIGTERM has finished',
      async holds() {
        equal(stdoutOf(await service.get(`/v1/executions/${drained}`)), 'drained\n');
      },
    },
    crashCheck(containers, service, isKept),
  ];
}

/** The container is killed as a whole while a command runs: nobody knows how far it came, so it is lost. */
function crashCheck(containers: Containers, service: Service, isKept: () => Promise<void>): Check {
  return {
    title: 'an execution that ran at the time of a crash is lost, and said so',
    async holds() {
      const { id } = await service.submit('sleep 300');
      await service.runs(id);
      await end(containers, 'second', 'KILL');
      await containers.podman('rm', 'second');
      await service.start('third');
      const { status, outcome } = await service.get(`/v1/executions/${id}`);
      deepEqual([status, outcome?.cause, outcome?.detail], ['failed', 'lost', 'server_crash']);
      await isKept();
    },
  };
}

async function end({ podman }: Containers, name: string, signal: string): Promise<void> {
  await podman('kill', '--signal', signal, name);
  await within(60, async () => (await podman('inspect', '-f', '{{.State.Running}}', name)) === 'false');
}
