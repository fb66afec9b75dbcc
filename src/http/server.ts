// The HTTP server: puts plugins and routes together. It translates, and decides nothing.
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import websocket from '@fastify/websocket';
import fastify, { type FastifyInstance } from 'fastify';
import { RefusedError } from '../domain/errors.ts';
import type { Hooks } from '../domain/operations/hook.ts';
import type { Clock, Log, Timer } from '../domain/ports/clock.ts';
import type { Tracing } from '../domain/ports/tracing.ts';
import type { Webhooks } from '../domain/webhooks/webhooks.ts';
import type { SpecLimits } from '../domain/spec/spec.ts';
import type { Engine } from '../engine/engine.ts';
import {
  asRefusal,
  errorHandler,
  PROBLEM_TYPE,
  refuseUnknownRoutes,
  sendProblem,
  toProblem,
} from './edge/error-handler.ts';
import { acceptJsonOnly } from './edge/json-body.ts';
import { requestIds } from './edge/request-ids.ts';
import { traceRequests } from './edge/tracing.ts';
import { type Audit, audit } from './edge/audit.ts';
import { gate, type GateOptions, SECURITY_HEADERS } from './edge/gate.ts';
import { openapi } from './openapi/plugin.ts';
import { accountRoutes } from './accounts/routes.ts';
import { quotaFields } from './edge/quotas.ts';
import { auditRoutes, type AuditRoutesOptions } from './ops/audit.ts';
import { cacheEntryRoutes } from './cache/cache-entries.ts';
import { cacheRoutes, circuitRoutes, type WarmUps } from './cache/routes.ts';
import { executionRoutes } from './executions/routes.ts';
import { explainRoute } from './explain/route.ts';
import { SOCKET_PROTOCOL } from './edge/socket-key.ts';
import { meRoute, usageRoute } from './keys/me.ts';
import { keyRoutes, type Keys } from './keys/routes.ts';
import { eventRoutes } from './events/routes.ts';
import { artifactRoutes } from './files/artifact-routes.ts';
import { uploadRoutes } from './files/upload-routes.ts';
import { MAX_MESSAGE_BYTES } from './live/attached.ts';
import { attachRoute } from './live/attach-route.ts';
import { liveRoutes } from './live/live-routes.ts';
import { runRoute } from './run/run-route.ts';
import { hookRoutes } from './hooks/routes.ts';
import { logRoutes } from './logs/routes.ts';
import { planLogRoutes } from './logs/plan-logs.ts';
import { reportRoutes } from './reports/route.ts';
import { planRoutes } from './plans/routes.ts';
import { operationRoutes, type OperationRoutesOptions } from './operations/routes.ts';
import {
  metricsPortRoutes,
  opsRoutes,
  type OpsRoutesOptions,
  type Scrape,
  type StatsOptions,
} from './ops/routes.ts';
import { pauseRoutes } from './ops/pauses.ts';
import { runnerRoutes } from './ops/runners.ts';
import { settingsRoute, type ShownSetting } from './ops/settings.ts';
import { DOCS, MAIN_LINKS, METRICS_LINKS, rootRoute } from './ops/root.ts';
import { type ConsoleOptions, consoleRoutes, type SendPage } from './console/routes.ts';
import { GUIDE, type GuideOptions, guideRoutes } from './guide/routes.ts';
import { mcpRoute, type McpRouteOptions } from './mcp/routes.ts';
import { scheduleBodies } from './schedules/schedule-schemas.ts';
import { scheduleRoutes } from './schedules/routes.ts';
import type { WaitRoutesOptions } from './waits/options.ts';
import { waitRoutes } from './waits/routes.ts';
import { webhookRoutes } from './webhooks/routes.ts';
import { type ProgressDeps, ProgressReader } from './executions/progress.ts';
import { requestSchemas } from './executions/schemas.ts';
import { noBody, noQuery } from './edge/schemas.ts';
import { lingerAndClose, patientResponse } from './edge/patient-response.ts';
import type { SseClients } from './edge/sse.ts';
import { validatorCompiler } from './edge/zod-adapter.ts';

export interface ServerOptions {
  engine: Engine;
  clock: Clock;
  log: Log;
  version: string;
  limits: SpecLimits;
  gate: GateOptions;
  scrape: Scrape;
  operations: OperationRoutesOptions;
  keys: Keys;
  /** Proxies whose X-Forwarded-For tells where a request comes from. */
  trustProxy: readonly string[];
  audit: Audit;
  readAudit: AuditRoutesOptions['readAudit'];
  /** How many bytes the bodies of a user may have; null where that has no bound of its own. */
  bodyBytesOf: (userId: string) => number | null;
  sse: SseClients;
  ratios: StatsOptions['ratios'];
  webhooks: Webhooks;
  hooks: Hooks;
  links: WaitRoutesOptions['links'];
  publicUrl: string | null;
  /** Whether the output of what runs is streamed. */
  streamsOutput: boolean;
  /** Of a file, by the ending of its name. */
  mediaTypeOf: (ending: string) => string;
  warmUps: WarmUps;
  settings: readonly ShownSetting[];
  /** Null: there is none. */
  console: ConsoleOptions | null;
  guide: GuideOptions | null;
  /** Null: there is no MCP endpoint. */
  mcp: McpRouteOptions['load'] | null;
  /** Null: no traces are recorded. */
  tracing: Tracing | null;
  onRequest(method: string, route: string, status: number, seconds: number): void;
  onRefused: (type: string) => void;
  /** What the processes below one use now; null when it is not here. */
  usageOf: ProgressDeps['usageOf'];
  /** Path of an execution's log; shown to administrators. */
  logPath: (runId: string, attempt: number) => string;
}

const BODY_BYTES = 1024 * 1024;
/** How long a request, its headers, and a silence may take; and how often Node looks. */
const REQUEST_MS = 30_000;
const HEADERS_MS = 15_000;
const SILENCE_MS = 120_000;
const CHECK_MS = 5000;
/** How long answers that still go out may take when the server ends. */
const LAST_ANSWERS_MS = 5000;

export async function buildServer(options: ServerOptions): Promise<FastifyInstance> {
  const { log, engine, version, limits } = options;
  const app = fastify({
    logger: false,
    genReqId: requestIds(),
    bodyLimit: BODY_BYTES,
    trustProxy: options.trustProxy.length === 0 ? false : [...options.trustProxy],
    // Bodies are watched by `endSlowBodies`, which knows which of them may take long.
    requestTimeout: 0,
    // Longer than the longest poll; a log that is followed may be silent for longer, and looks after itself.
    connectionTimeout: SILENCE_MS,
    keepAliveTimeout: 72_000,
    http: {
      // All other upgrades, such as that to HTTP/2, are left out, as RFC 9110 §7.8 allows.
      shouldUpgradeCallback: ({ headers: { upgrade = '' } }) => upgrade.toLowerCase() === 'websocket',
      ...{ headersTimeout: HEADERS_MS, connectionsCheckingInterval: CHECK_MS, maxHeaderSize: 16_384 },
      ServerResponse: patientResponse(options.clock),
    },
    // Ids are looked up, whatever they are; a request line is bounded by the size of the headers.
    routerOptions: { maxParamLength: 16_384 },
    frameworkErrors: (error, _request, reply) => void sendProblem(reply, asRefusal(error)),
    // Followers and long polls are ended by the engine before the server is closed; idle connections need not be waited for.
    forceCloseConnections: 'idle',
    clientErrorHandler(error, socket) {
      answerBadRequest(error, socket, options.clock);
    },
  });
  endInTime(app, options.clock);
  const allowLong = endSlowBodies(app, options.clock);
  app.setValidatorCompiler(validatorCompiler as never);
  app.setSerializerCompiler(() => JSON.stringify);
  app.setErrorHandler(errorHandler(log, options.clock, options.onRefused));
  app.addHook('onRequest', ({ id }, reply, done) => {
    reply.header('x-request-id', id);
    done();
  });
  if (options.tracing !== null) traceRequests(app, options.tracing);
  app.addHook('onResponse', (request, reply, done) => {
    const route = request.routeOptions.url ?? 'unknown';
    options.onRequest(request.method, route, reply.statusCode, reply.elapsedTime / 1000);
    done();
  });
  audit(app, options.audit, () => options.clock.now());
  const entrance = gate(app, options.gate);
  app.addHook('onRequest', ({ raw, routeOptions }, _reply, done) => {
    if (routeOptions.config.takesLong === true) allowLong(raw);
    done();
  });
  refuseUnknownRoutes(app);
  await app.register(websocket, {
    options: {
      maxPayload: MAX_MESSAGE_BYTES,
      // The key beside it is no protocol.
      handleProtocols: (offered) => offered.has(SOCKET_PROTOCOL) && SOCKET_PROTOCOL,
    },
  });
  acceptJsonOnly(app, options.bodyBytesOf);
  quotaFields(app, engine);
  const requests = requestSchemas(limits);
  const scheduleRequests = scheduleBodies(requests);
  await openapi(app, version, { ...requests, schedules: scheduleRequests });
  refuseWhatIsIgnored(app);
  const reader = new ProgressReader({ engine, clock: options.clock, usageOf: options.usageOf });
  executionRoutes(app, { ...options, reader, requests });
  runRoute(app, { ...options, requests });
  await liveRoutes(app, options);
  attachRoute(app, options);
  artifactRoutes(app, options);
  await uploadRoutes(app, options);
  explainRoute(app, { engine });
  reportRoutes(app, { engine, clock: options.clock });
  logRoutes(app, options);
  planRoutes(app, { engine, reader, requests });
  planLogRoutes(app, options);
  await waitRoutes(app, options);
  eventRoutes(app, { ...options, progress: reader });
  scheduleRoutes(app, { engine, bodies: scheduleRequests });
  webhookRoutes(app, options);
  const now = () => options.clock.now();
  cacheRoutes(app, { engine, requests, now, warmUps: options.warmUps });
  cacheEntryRoutes(app, { engine, now });
  circuitRoutes(app, { engine });
  accountRoutes(app, { engine });
  operationRoutes(app, options.operations);
  await hookRoutes(app, options);
  auditRoutes(app, options);
  keyRoutes(app, { keys: options.keys, clock: options.clock, onRevoked: () => entrance.recheck() });
  meRoute(app, { engine });
  usageRoute(app, { engine });
  settingsRoute(app, options.settings);
  pauseRoutes(app, engine);
  runnerRoutes(app, engine);
  opsRoutes(app, options);
  if (options.mcp !== null) mcpRoute(app, { ...options, load: options.mcp });
  const toDocs: SendPage = async (_request, reply) => reply.redirect(DOCS, 302);
  const page = options.console === null ? toDocs : await consoleRoutes(app, options.console);
  if (options.guide !== null) await app.register(guideRoutes, { prefix: GUIDE, ...options.guide });
  const links = options.guide === null ? MAIN_LINKS : { guide: GUIDE, ...MAIN_LINKS };
  rootRoute(app, { version, links, page });
  return app;
}

/** The metrics port: only probes and metrics, which are public there. */
export function buildMetricsServer(
  options: OpsRoutesOptions & Pick<ServerOptions, 'log' | 'onRefused'>,
): FastifyInstance {
  const app = fastify({
    logger: false,
    frameworkErrors: (error, _request, reply) => void sendProblem(reply, asRefusal(error)),
    clientErrorHandler(error, socket) {
      answerBadRequest(error, socket, options.clock);
    },
    http: { ServerResponse: patientResponse(options.clock) },
  });
  endInTime(app, options.clock);
  app.addHook('onRequest', (_request, reply, done) => {
    reply.headers(SECURITY_HEADERS);
    done();
  });
  app.setValidatorCompiler(() => () => true);
  app.setSerializerCompiler(() => JSON.stringify);
  app.setErrorHandler(errorHandler(options.log, options.clock, options.onRefused));
  refuseUnknownRoutes(app);
  metricsPortRoutes(app, options);
  rootRoute(app, { version: options.version, links: METRICS_LINKS, page: null });
  return app;
}

/** The end of a server waits neither for who has asked nothing yet, nor long for who does not take an answer. */
function endInTime(app: FastifyInstance, clock: Clock): void {
  const silent = new Set<Socket>();
  app.server.on('connection', (socket) => {
    silent.add(socket);
    socket.once('close', () => silent.delete(socket));
  });
  app.server.on('request', ({ socket }) => silent.delete(socket));
  app.addHook('preClose', (done) => {
    for (const socket of silent) socket.destroy();
    // A connection whose last answer ends from here on is not kept for a next one.
    app.server.keepAliveTimeout = 1;
    const timeUp = clock.timer(LAST_ANSWERS_MS, () => app.server.closeAllConnections());
    app.server.once('close', () => timeUp.cancel());
    done();
  });
}

/**
 * Rejects a request whose body does not arrive in time, and closes its connection: Node has one limit for all requests, and
 * uploads need none. Every request has the limit, also one without a route.
 *
 * @returns takes the limit off a request
 */
function endSlowBodies(app: FastifyInstance, clock: Clock): (request: IncomingMessage) => void {
  const watched = new WeakMap<IncomingMessage, Watched>();
  const watch = (request: IncomingMessage, one: Watched) => {
    if (request.complete || request.destroyed) return;
    const timer = clock.timer(REQUEST_MS, () => {
      if (request.complete) return;
      if (one.response.headersSent) request.socket.destroy();
      else answerBadRequest(LATE, request.socket, clock);
    });
    one.timer = timer;
    for (const event of ['end', 'close']) request.once(event, () => timer.cancel());
  };
  // Most bodies come with their head, and are whole at the end of that turn of the event loop.
  let young: IncomingMessage[] = [];
  const watchThose = () => {
    const begun = young;
    young = [];
    for (const request of begun) {
      const one = watched.get(request);
      if (one?.mayTakeLong === false) watch(request, one);
    }
  };
  // Before Fastify has it.
  app.server.prependListener('request', (request: IncomingMessage, response: ServerResponse) => {
    if (!hasBody(request)) return;
    watched.set(request, { response, timer: null, mayTakeLong: false });
    if (young.push(request) === 1) void clock.sleep(0).then(watchThose);
  });
  return (request) => {
    const one = watched.get(request);
    if (one === undefined) return;
    one.mayTakeLong = true;
    one.timer?.cancel();
    // The rest of a body that was answered early may not take long.
    one.response.once('finish', () => watch(request, one));
  };
}
interface Watched {
  response: ServerResponse;
  timer: Timer | null;
  mayTakeLong: boolean;
}
const hasBody = ({ headers }: IncomingMessage): boolean =>
  headers['transfer-encoding'] !== undefined || Number(headers['content-length'] ?? 0) > 0;
const LATE = Object.assign(new Error('The body did not arrive in time'), {
  code: 'ERR_HTTP_REQUEST_TIMEOUT',
});

/** A route that says nothing of a query or a body takes none. Public ones are tolerant: balancers add parameters. */
function refuseWhatIsIgnored(app: FastifyInstance): void {
  app.addHook('onRoute', (route) => {
    if (route.config?.access === 'public') return;
    const takesBody = ['POST', 'PUT', 'PATCH', 'DELETE'].some((method) => route.method.includes(method));
    route.schema = {
      ...(route.config?.anyQuery === true ? {} : { querystring: noQuery }),
      ...(takesBody ? { body: noBody } : {}),
      ...route.schema,
    };
  });
}

/** What is not HTTP is answered too, before the connection is closed. */
function answerBadRequest(error: Error & { code?: string }, socket: Socket, clock: Clock): void {
  if (!socket.writable || error.code === 'ECONNRESET') return void socket.destroy();
  const type =
    error.code === 'HPE_HEADER_OVERFLOW'
      ? 'headers_too_large'
      : error.code === 'ERR_HTTP_REQUEST_TIMEOUT'
        ? 'request_timeout'
        : 'malformed_request';
  const problem = toProblem(
    new RefusedError(type, 'The request is not valid HTTP, or did not arrive in time.'),
  );
  const body = JSON.stringify(problem);
  const head = Object.entries({
    ...SECURITY_HEADERS,
    'content-type': PROBLEM_TYPE,
    'content-length': Buffer.byteLength(body),
    connection: 'close',
  }).map(([name, value]) => `${name}: ${value}\r\n`);
  lingerAndClose(socket, clock, `HTTP/1.1 ${problem.status} ${problem.title}\r\n${head.join('')}\r\n${body}`);
}
