// The runner host: a small process that starts the users' processes, so that the server never forks. It reads frames
// from its standard input and writes frames to its standard output (see protocol.ts). When the server is gone, it kills
// everything that it has started and ends. It imports nothing of the server, to stay small: a fork costs by size.
import { closeSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { Socket } from 'node:net';
import { Attempt, type HostContext } from './attempt.ts';
import { HostLease } from './host-lease.ts';
import { limitSelf, LimitWatch } from './limits.ts';
import { PipePool } from './pipes.ts';
import { Mounts } from './slow-disks.ts';
import { findMarked, ProcessTable, signalFound } from './process-table.ts';
import {
  Decoder,
  encode,
  type Frame,
  type Hello,
  ProtocolError,
  type Sweep,
  type ToServer,
} from '../protocol.ts';
import { PrivateDirs } from './private-dirs.ts';

const HOST_VARIABLE = 'EXECD_HOST=';
const MARKER_VARIABLE = 'EXECD_RUN';
const GROWTH_MS = 50;
const PROOF_MS = 5000;
const EXIT_PROTOCOL = 65;

// Not process.stdin and process.stdout: Node makes writes to those block.
const input = new Socket({ fd: 0, readable: true, writable: false });
const output = new Socket({ fd: 1, readable: false, writable: true });
const attempts = new Map<number, Attempt>();
const grown = new Set<Attempt>();
const decoder = new Decoder();
const privateDirs = new PrivateDirs();
const lease = new HostLease((graceMs) => stopAll(graceMs));
let instance = '';
let host: HostContext | null = null;
let growthTimer: NodeJS.Timeout | null = null;
let isEnding = false;

function send(frame: ToServer): void {
  output.write(encode(frame));
}

function onFrame(frame: Frame): void {
  if (frame.type === 'hello') return onHello(frame);
  if (host === null) throw new ProtocolError('the first frame must be hello');
  switch (frame.type) {
    case 'start': {
      if (attempts.has(frame.ref))
        throw new ProtocolError(`the attempt ${frame.ref} has been started already`);
      const attempt = new Attempt(frame, host);
      attempts.set(frame.ref, attempt);
      if (lease.isOver) attempt.stop({ cause: 'shutdown', graceMs: 0 });
      // The server may stop it in the same breath: its run begins when all that has arrived has been read.
      setImmediate(
        () => void attempt.run().finally(() => ended(attempt, frame.privateDir, frame.script?.path)),
      );
      return;
    }
    // An attempt that is not there has ended meanwhile, and the server is about to learn it.
    case 'stop':
      return attempts.get(frame.ref)?.stop(frame);
    case 'deadline':
      return send({
        type: 'deadline_set',
        ref: frame.ref,
        isInForce: attempts.get(frame.ref)?.extend(frame) ?? false,
      });
    case 'sweep':
      return void sweep(frame);
    case 'hide':
      // There are no sandboxes here.
      return;
    case 'input':
      return attempts.get(frame.ref)?.input(frame);
    case 'signal':
      return void attempts.get(frame.ref)?.signal(frame);
    case 'resize':
      // There are no terminals here.
      return;
    case 'lease':
      return lease.renew(frame);
    case 'ping':
      return send({ type: 'pong', id: frame.id });
    default:
      throw new ProtocolError(`a server does not send "${frame.type}"`);
  }
}

function onHello(hello: Hello): void {
  instance = hello.instance;
  host = {
    pipes: new PipePool(hello.scratchDir),
    processes: new ProcessTable(MARKER_VARIABLE),
    privateDirs,
    limits: new LimitWatch(),
    mounts: new Mounts(),
    send,
    grew(attempt) {
      grown.add(attempt);
      growthTimer ??= setTimeout(sendGrowth, GROWTH_MS);
    },
  };
  limitSelf(hello.openFiles);
  process.once('exit', () => rmSync(hello.scratchDir, { recursive: true, force: true }));
  send({ type: 'ready', name: 'node', pid: process.pid });
}

function sendGrowth(): void {
  growthTimer = null;
  for (const attempt of grown) send({ type: 'growth', ref: attempt.ref, ...attempt.totals });
  grown.clear();
}

/** After the report: what the attempt has used goes. */
function ended(attempt: Attempt, privateDir: string, scriptPath: string | undefined): void {
  attempts.delete(attempt.ref);
  grown.delete(attempt);
  if (scriptPath !== undefined) rmSync(scriptPath, { force: true });
  privateDirs.release(privateDir);
}

/** Kills older hosts of this instance, which then cannot start anything more, and what carries one of the markers. */
async function sweep({ id, markers, paths }: Sweep): Promise<void> {
  const wanted = new Set(markers);
  const hosts = new Set([`${HOST_VARIABLE}${instance}`]);
  const killed = new Set<string>();
  const giveUpAt = performance.now() + PROOF_MS;
  for (;;) {
    const oldHosts = findMarked(HOST_VARIABLE, hosts);
    const found = oldHosts.length > 0 ? oldHosts : findMarked(`${MARKER_VARIABLE}=`, wanted);
    if (found.length === 0 || performance.now() > giveUpAt) {
      for (const path of paths) privateDirs.removeLater(path);
      return send({ type: 'swept', id, killed: killed.size, survivors: found.length });
    }
    for (const one of found) {
      if (found !== oldHosts) killed.add(`${one.pid}/${one.startTime}`);
      signalFound(one, 'SIGKILL');
    }
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

function stopAll(graceMs: number): void {
  for (const attempt of attempts.values()) attempt.stop({ cause: 'shutdown', graceMs });
}

/** Ends everything, and then the host itself. */
async function end(exitCode: number): Promise<void> {
  if (isEnding) return;
  isEnding = true;
  input.destroy();
  stopAll(0);
  while (attempts.size > 0) await new Promise((resolve) => setTimeout(resolve, 5));
  await privateDirs.close();
  output.end(() => process.exit(exitCode));
}

/** Node passes on descriptors that it inherited itself; none of them is a user process's business. */
function closeInherited(): void {
  const CLOSE_ON_EXEC = 0o2000000;
  for (const fd of readdirSync('/proc/self/fd').map(Number)) {
    if (fd <= 2) continue;
    try {
      const flags = /flags:\s+(\d+)/.exec(readFileSync(`/proc/self/fdinfo/${fd}`, 'latin1'))?.[1] ?? '0';
      if ((parseInt(flags, 8) & CLOSE_ON_EXEC) === 0) closeSync(fd);
    } catch {
      // The descriptor of the listing itself.
    }
  }
}

closeInherited();
input.on('data', (piece: Buffer) => {
  try {
    for (const frame of decoder.push(piece)) onFrame(frame);
  } catch (error) {
    send({ type: 'failure', message: (error as Error).message });
    void end(EXIT_PROTOCOL);
  }
});
input.on('close', () => void end(0));
input.on('error', () => void end(0));
output.on('error', () => void end(0));
for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) process.on(signal, () => void end(0));
