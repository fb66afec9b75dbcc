// Client of the runner host: turns attempts into frames and frames into reports. After the death of a host, the next one
// sweeps what the old one left, and only then are its attempts reported as interrupted.
import { mkdirSync, readdirSync, rmSync } from 'node:fs';
import { dirname } from 'node:path';
import type { StoreIdentity } from '../../domain/ports/replica.ts';
import type {
  AttemptListener,
  AttemptName,
  AttemptReport,
  AttemptStart,
  FailedTier,
  NetworkProxy,
  Runner,
  RunnerStatus,
  RunningAttempt,
  StopRequest,
} from '../../domain/ports/runner.ts';
import type { Clock, Log } from '../../domain/ports/clock.ts';
import { LIMIT_NAMES, type ResourceLimits } from '../../domain/limits.ts';
import { type IsolationTier, tierFor } from '../../domain/isolation.ts';
import type { LostDetail } from '../../domain/outcome.ts';
import {
  type Lease,
  type Limits,
  type StopFrameCause,
  type ToServer,
  SCALAR_FIELDS,
} from '../../runner-host/protocol.ts';
import { HostKeeper } from './host-keeper.ts';
import { type HostEvents, HostProcess } from './host-process.ts';
import { stopOutcome } from '../stop-outcome.ts';
import { boundaryFile, setPackageBoundary } from './package-boundary.ts';
import { HostInput } from './host-input.ts';
import { NO_TAILS, notStarted, startFailed } from './start-failed.ts';
import { type IsolationMeans, letPass, tierCheck, whyFailed } from './tiers.ts';
import { type AttemptProxy, openProxy, withProxy } from './attempt-proxy.ts';
import { lacksRoom, exited } from './exit-report.ts';

export interface CommandRunnerOptions {
  /** Program and arguments of the host. */
  hostCommand: readonly [string, ...string[]];
  /** Holds the private directories of this epoch and nothing else. */
  workDir: (epoch: number) => string;
  /** Where hosts may make small files that live for a moment; best in memory. */
  scratchRoot: string;
  /** Where the host writes the log of an attempt: a path without its ending. */
  journalPath: (name: AttemptName) => string;
  /** Tiers to offer if they work, from the weakest; the first is the default. */
  tiers: readonly IsolationTier[];
  means: IsolationMeans;
  /** The soft limit of open files that commands start with. */
  openFiles: number;
  /** The one that commands run as where they have none of their own: that of the host. */
  user: { name: string; isRoot: boolean };
  clock: Clock;
  /** The time by which the host is watched: it goes on by itself, wherever a test moves the other one. */
  hostClock: Clock;
  /** Milliseconds after which a host that does not answer is replaced. */
  hostSilenceMs: number;
  /** The way of sandboxes to listed hosts. */
  proxy: NetworkProxy;
  log: Log;
}

/** An attempt that has been asked for and has not ended. */
interface Live {
  name: AttemptName;
  /** Of its log: a path without its ending. */
  journal: string;
  /** The one that is asked for. */
  tier: IsolationTier;
  start: AttemptStart;
  listener: AttemptListener;
  /** Ended by the report. */
  report: (report: AttemptReport) => void;
  /** The start frame has been sent to this host. */
  host: HostProcess | null;
  isStarted: boolean;
  stop: StopRequest | null;
  /** Null where its input is all there at the start. */
  input: HostInput | null;
  /** Null where its network is not that of listed hosts, and until it is started. */
  proxy: AttemptProxy | null;
}

export class CommandRunner implements Runner {
  readonly #options: CommandRunnerOptions;
  readonly #live = new Map<number, Live>();
  /** Who waits to hear whether new limits are in force. */
  readonly #extensions = new Map<number, ((isInForce: boolean) => void)[]>();
  readonly #sweeps = new Map<number, { resolve: (killed: number) => void; reject: (error: Error) => void }>();
  readonly #keeper: HostKeeper;
  #tiers: readonly IsolationTier[];
  /** Tiers that were to be offered, and do not work here. */
  readonly failedTiers: FailedTier[] = [];
  /** What hosts are told to hide in sandboxes. */
  #hidden: readonly string[] = [];
  #identity: StoreIdentity | null = null;
  #nextRef = 1;
  /** How long what hosts run may go on, on the clock that they read; null: without an end. */
  #lease: Lease | null = null;
  /** Of the host that runs. */
  #scratchDir = '';

  constructor(options: CommandRunnerOptions) {
    this.#options = options;
    const { hostClock: clock, log, hostSilenceMs: silenceMs } = options;
    this.#tiers = options.tiers;
    this.#keeper = new HostKeeper({
      ...{ clock, log, silenceMs },
      startHost: (number, events) => this.#startHost(number, events),
      onFrame: (frame) => this.#onFrame(frame),
      onDeath: () => this.#forgetSweeps(),
      takeOver: (detail) => this.#takeOver(detail),
      onReady: () => this.#sendWaiting(),
    });
  }

  async start(identity: StoreIdentity): Promise<void> {
    this.#identity = identity;
    mkdirSync(this.#workDir(), { recursive: true, mode: 0o700 });
    setPackageBoundary(this.#workDir());
    if (this.#options.means.uids !== null) letPass(this.#options.means.dataDir, this.#workDir());
    this.#hidden = this.#options.means.hidden();
    await this.#keeper.start();
    await this.#tryTiers();
  }

  /**
   * Hides other places from sandboxes that start from now on, once a check has found them hidden.
   *
   * @returns why they cannot be hidden, and then all is as it was; null when they are
   */
  async hide(places: readonly string[]): Promise<string | null> {
    const before = this.#hidden;
    // Until it is known that the new ones can be hidden, the old ones are, too.
    this.#sendHidden([...new Set([...before, ...places])]);
    const isOffered = this.#tiers.includes('sandbox');
    const report = isOffered ? await this.#check('sandbox', this.#options.means) : null;
    // Without room for the check the host still refuses to start a sandbox whose hidden places it cannot cover.
    const problem = report === null || lacksRoom(report) ? null : whyFailed(report);
    this.#sendHidden(problem === null ? places : before);
    return problem;
  }

  #sendHidden(places: readonly string[]): void {
    this.#hidden = places;
    this.#keeper.send({ type: 'hide', hidden: [...places] });
  }

  /** Kills what is left of these attempts, and removes all that hosts before this one have left. */
  sweep(attempts: readonly AttemptName[]): Promise<number> {
    const id = this.#nextRef++;
    const markers = attempts.map((name) => this.#marker(name));
    const paths = this.#leftBehind();
    return new Promise((resolve, reject) => {
      this.#sweeps.set(id, { resolve, reject });
      this.#keeper.send({ type: 'sweep', id, markers, paths });
    });
  }

  /** Removes a private directory that was given to an attempt, whatever is in it. */
  discard(path: string): void {
    const id = this.#nextRef++;
    // Nobody waits for it, and what is left is removed by the next start.
    this.#sweeps.set(id, { resolve: () => undefined, reject: () => undefined });
    this.#keeper.send({ type: 'sweep', id, markers: [], paths: [path] });
  }

  run(start: AttemptStart, listener: AttemptListener): RunningAttempt {
    const tier = tierFor(start.isolation, this.#tiers);
    if (tier === null) return refused(start, this.#options.clock.now());
    return this.#run(start, listener, { tier, journal: this.#options.journalPath(start) });
  }

  #run(
    start: AttemptStart,
    listener: AttemptListener,
    { tier, journal }: Pick<Live, 'tier' | 'journal'>,
  ): RunningAttempt {
    const ref = this.#nextRef;
    this.#nextRef = ref === 0xffff_ffff ? 1 : ref + 1;
    let report: (report: AttemptReport) => void = () => undefined;
    const ended = new Promise<AttemptReport>((resolve) => {
      report = (value) => {
        this.#live.delete(ref);
        input?.ended();
        const network = live.proxy?.close();
        // A host that has died answers nothing more. One that lives does.
        if (value.type === 'interrupted') this.#extended(ref, true);
        if (network !== undefined && value.type === 'ended') value.outcome = { ...value.outcome, network };
        resolve(value);
      };
    });
    const input =
      start.command.stdin === 'open'
        ? new HostInput((data, isLast) => live.host?.send({ type: 'input', ref, data, isLast }))
        : null;
    const live: Live = {
      ...{ name: start, tier, journal, start, listener, report, host: null, isStarted: false, stop: null },
      ...{ input, proxy: null },
    };
    this.#live.set(ref, live);
    if (this.#keeper.status().isReady) this.#sendStart(ref, live);
    return {
      ended,
      stop: (request) => this.#stop(ref, live, request),
      extend: (attemptMs, idleMs) => this.#extend(ref, live, { attemptMs, idleMs }),
      command: {
        input,
        hasTerminal: start.command.tty !== null,
        signal: (signal, scope) => live.host?.send({ type: 'signal', ref, signal, scope }),
        resize: (size) => live.host?.send({ type: 'resize', ref, ...size }),
      },
    };
  }

  lease(until: number, graceMs: number): void {
    const { clock, hostClock } = this.#options;
    // In this order: if this process is frozen between them, the time of the host ends too early, and not too late.
    const now = hostClock.monotonic();
    const leftMs = until - clock.monotonic();
    this.#lease = { type: 'lease', until: Math.floor(now + leftMs), graceMs: Math.floor(graceMs) };
    this.#keeper.send(this.#lease);
  }

  status(): RunnerStatus {
    return { ...this.#keeper.status(), tiers: this.#tiers };
  }

  async stop(): Promise<void> {
    await this.#keeper.stop();
    rmSync(this.#proxyDir(), { recursive: true, force: true });
  }

  // ------------------------------------------------------------------------------------------- tiers

  /** Runs a check at each tier; what does not work is not offered. */
  async #tryTiers(): Promise<void> {
    const { tiers, means, log } = this.#options;
    // What every host can do needs no proof.
    const tried = tiers.filter((tier) => tier !== 'none');
    const reports = await Promise.all(tried.map((tier) => this.#check(tier, means)));
    for (const [i, tier] of tried.entries()) {
      const problem = whyFailed(reports[i] as AttemptReport);
      if (problem === null) continue;
      this.failedTiers.push({ tier, problem });
      log.warn({ tier, problem }, 'An isolation tier does not work here; execd does not offer it');
    }
    this.#tiers = tiers.filter((tier) => this.failedTiers.every((one) => one.tier !== tier));
  }

  async #check(tier: IsolationTier, means: IsolationMeans): Promise<AttemptReport> {
    const path = `${this.#workDir()}/check-${tier}`;
    const attempt = tierCheck({ tier, privateDir: path, means, hidden: this.#hidden });
    const journal = `${path}.journal`;
    const { ended } = this.#run(
      attempt,
      { started: () => undefined, growth: () => undefined },
      { tier, journal },
    );
    const report = await ended;
    for (const ending of ['log', 'idx']) rmSync(`${journal}.${ending}`, { force: true });
    return report;
  }

  // ---------------------------------------------------------------------------------------- attempts

  #sendStart(ref: number, live: Live): void {
    const { start } = live;
    const problem = this.#openProxy(ref, live);
    if (problem !== null) return live.report(isolationRefused(start, this.#options.clock.now(), problem));
    live.host = this.#keeper.host;
    this.#keeper.send({
      type: 'start',
      ref,
      marker: this.#marker(start),
      isolation: live.tier,
      hasNetwork: start.network === true,
      journal: live.journal,
      program: start.command.program,
      args: [...start.command.args],
      env: this.#environment(live),
      cwd: start.command.cwd ?? '',
      privateDir: start.command.privateDir,
      script: start.command.script,
      scriptFile: start.command.scriptFile ?? '',
      stdin: start.command.stdin === 'open' ? null : start.command.stdin,
      keepBytes: start.keepBytes,
      failOnLimit: start.failOnLimit,
      attemptMs: start.attemptMs,
      idleMs: start.idleMs ?? 0,
      graceMs: start.stop.graceMs,
      stopSignal: start.stop.signal,
      stopScope: start.stop.scope,
      redact: [...start.redact],
      limits: toLimits(start.limits),
      owner: start.userId,
      scalars: toScalars({
        ...start.command.scalars,
        givenDir: start.command.hasGivenDir === true ? 1 : undefined,
        openStdin: live.input === null ? undefined : 1,
        ttyCols: start.command.tty?.cols,
        ttyRows: start.command.tty?.rows,
        progressFd: start.command.hasProgressFd === true ? 1 : undefined,
      }),
      root: start.command.root?.path ?? '',
      layerBytes: start.command.root?.writableBytes ?? 0,
      proxy: live.proxy?.path ?? '',
    });
  }

  /** For a sandbox whose command may reach listed hosts. Null, or why it cannot be. */
  #openProxy(ref: number, live: Live): string | null {
    const { network, userId } = live.start;
    if (typeof network === 'boolean' || live.tier !== 'sandbox') return null;
    try {
      live.proxy = openProxy(this.#options.proxy, { dir: this.#proxyDir(), ref, userId, hosts: network });
      return null;
    } catch (error) {
      this.#options.log.warn({ err: error, run_id: live.name.runId }, 'Cannot open the proxy of a sandbox');
      return `The proxy of the sandbox could not be opened: ${(error as Error).message}.`;
    }
  }

  /** With the name of its user, which the host adds where that is another user than its own, and with its proxy. */
  #environment({ start, tier, proxy }: Live): string[] {
    const { user, means } = this.#options;
    const env = proxy === null ? start.command.env : withProxy(start.command.env);
    const isOwn = tier === 'uid' || (tier === 'sandbox' && (user.isRoot || means.uids !== null));
    const missing = isOwn
      ? []
      : ['USER', 'LOGNAME'].filter((name) => !env.some((line) => line.startsWith(`${name}=`)));
    return [...missing.map((name) => `${name}=${user.name}`), ...env];
  }

  #stop(ref: number, live: Live, request: StopRequest): void {
    if (!this.#live.has(ref)) return;
    const graceMs = request.cause === 'cancelled' ? (request.graceMs ?? null) : null;
    // To ask for a cancel once more changes nothing, unless it asks for another grace.
    if (live.stop?.cause === 'cancelled' && request.cause === 'cancelled' && graceMs === null) return;
    live.stop ??= request;
    if (live.host === null) {
      const outcome = stopOutcome(request, null);
      return live.report({
        type: 'ended',
        outcome,
        end: notStarted(this.#options.clock.now()),
        tails: NO_TAILS,
        response: null,
      });
    }
    const cause: StopFrameCause = request.cause === 'lost' ? 'shutdown' : request.cause;
    live.host.send({ type: 'stop', ref, cause, graceMs: graceMs ?? live.start.stop.graceMs });
  }

  async #extend(
    ref: number,
    live: Live,
    limits: Pick<AttemptStart, 'attemptMs' | 'idleMs'>,
  ): Promise<boolean> {
    const { host } = live;
    const isInForce =
      host === null ||
      (await new Promise<boolean>((resolve) => {
        this.#extensions.set(ref, [...(this.#extensions.get(ref) ?? []), resolve]);
        host.send({ type: 'deadline', ref, attemptMs: limits.attemptMs, idleMs: limits.idleMs ?? 0 });
      }));
    // Until then the end of the attempt tells of the limits before.
    if (isInForce) Object.assign(live.start, limits);
    return isInForce;
  }

  /** The host answers in the order in which it is asked. */
  #extended(ref: number, isInForce: boolean): void {
    const [first, ...others] = this.#extensions.get(ref) ?? [];
    if (others.length > 0) this.#extensions.set(ref, others);
    else this.#extensions.delete(ref);
    first?.(isInForce);
    if (!this.#live.has(ref)) for (const resolve of others) resolve(isInForce);
  }

  #onFrame(frame: ToServer): void {
    if (frame.type === 'deadline_set') return this.#extended(frame.ref, frame.isInForce);
    if (frame.type === 'swept') {
      if (frame.survivors > 0) this.#options.log.warn(frame, 'Cannot kill processes of interrupted attempts');
      this.#sweeps.get(frame.id)?.resolve(frame.killed);
      this.#sweeps.delete(frame.id);
    }
    if (!('ref' in frame)) return;
    const live = this.#live.get(frame.ref);
    if (live === undefined) return;
    switch (frame.type) {
      case 'started':
        live.isStarted = true;
        live.input?.began();
        return live.listener.started(frame.pid, frame.at);
      case 'growth':
        return live.listener.growth(frame);
      case 'progress':
        return live.listener.said?.(frame.said);
      case 'input_taken':
        return live.input?.taken(frame);
      case 'start_failed':
        return live.report(startFailed(frame, live.start.command, this.#options.clock.now()));
      case 'exited':
        return live.report(exited(frame, live));
      default:
        frame satisfies never;
    }
  }

  // -------------------------------------------------------------------------------------------- host

  #startHost(number: number, events: HostEvents): HostProcess {
    if (this.#identity === null) throw new TypeError('the runner has not been started');
    const isNew = mkdirSync(this.#workDir(), { recursive: true, mode: 0o700 }) !== undefined;
    if (isNew) setPackageBoundary(this.#workDir());
    this.#scratchDir = `${this.#options.scratchRoot}/${this.#scratchPrefix()}${this.#identity.epoch}-${number}`;
    const host = new HostProcess({
      command: this.#options.hostCommand,
      instance: this.#identity.mark,
      scratchDir: this.#scratchDir,
      means: this.#options.means,
      hidden: this.#hidden,
      clock: this.#options.hostClock,
      events,
      openFiles: this.#options.openFiles,
    });
    if (this.#lease !== null) host.send(this.#lease);
    return host;
  }

  #sendWaiting(): void {
    for (const [ref, live] of this.#live) if (live.host === null) this.#sendStart(ref, live);
  }

  #forgetSweeps(): void {
    for (const { reject } of this.#sweeps.values()) reject(new Error('the runner host died while it swept'));
    this.#sweeps.clear();
  }

  /** With a new host: kills what the dead one left, and reports the attempts that it had. */
  async #takeOver(detail: LostDetail): Promise<void> {
    const { host } = this.#keeper;
    const orphaned = [...this.#live.values()].filter((live) => live.host !== null && live.host !== host);
    await this.sweep(orphaned.map((live) => live.name));
    for (const { report, isStarted } of orphaned) report({ type: 'interrupted', detail, isStarted });
  }

  #leftBehind(): string[] {
    const work = this.#workDir();
    const scratch = this.#options.scratchRoot;
    const scratchDirs = entries(scratch).filter(
      (path) =>
        // Of this replica only: the name of another one may begin with that of this one.
        /^\d+-\d+$/.test(path.slice(`${scratch}/${this.#scratchPrefix()}`.length)) &&
        path.startsWith(`${scratch}/${this.#scratchPrefix()}`) &&
        path !== this.#proxyDir(),
    );
    return [...entries(dirname(work)), ...entries(work), ...scratchDirs].filter(
      (path) => path !== work && path !== boundaryFile(work) && path !== this.#scratchDir,
    );
  }

  #marker({ runId, attempt }: AttemptName): string {
    return `EXECD_RUN=${this.#identity?.mark}/${runId}/${attempt}`;
  }

  #workDir(): string {
    return this.#options.workDir(this.#identity?.epoch ?? 0);
  }

  /** Named as those of hosts, which are counted from 1, so that the next server removes what this one leaves. */
  #proxyDir(): string {
    return `${this.#options.scratchRoot}/${this.#scratchPrefix()}${this.#identity?.epoch ?? 0}-0`;
  }

  #scratchPrefix(): string {
    return `execd-${this.#identity?.mark}-`;
  }
}

/** As the host is told; null when nothing is limited, as for most. */
function toLimits(limits: ResourceLimits): Limits | null {
  if (LIMIT_NAMES.every((name) => limits[name] === undefined)) return null;
  return {
    cpuS: limits.cpu_s ?? -1,
    memoryBytes: limits.memory_bytes ?? -1,
    processes: limits.processes ?? -1,
    fileBytes: limits.file_bytes ?? -1,
    openFiles: limits.open_files ?? -1,
    diskBytes: limits.disk_bytes ?? -1,
  };
}

/** As the host gets it. */
function toScalars(scalars: Readonly<Record<string, number | undefined>>): number[] {
  return SCALAR_FIELDS.map((name) => scalars[name] ?? -1);
}

function entries(dir: string): string[] {
  return readdirSync(dir).map((name) => `${dir}/${name}`);
}

/** Nothing that is offered is as strong as it has to be. */
function refused(start: AttemptStart, now: number): RunningAttempt {
  const message = `This server does not offer the isolation tier ${start.isolation}.`;
  return {
    ended: Promise.resolve(isolationRefused(start, now, message)),
    stop: () => undefined,
    extend: () => Promise.resolve(false),
  };
}

function isolationRefused({ command }: AttemptStart, now: number, message: string): AttemptReport {
  const failure = { type: 'start_failed', ref: 0, reason: 'isolation_unavailable', message } as const;
  return startFailed(failure, command, now);
}
