// The OpenAPI document around its operations: what execd is, how one shows who one is, tags, and what execd itself sends.
import type { Requests } from './components.ts';
import { components } from './components.ts';
import { eventComponents } from '../events/event-schemas.ts';
import { webhookComponents } from '../webhooks/webhook-schemas.ts';
import { refusalComponents } from '../edge/answers.ts';
import { Converter } from './convert.ts';
import { headerComponents } from '../edge/response-headers.ts';
import type { Operation } from './operations.ts';
import { webhooks } from './webhooks.ts';

const DESCRIPTION = `execd runs commands, scripts, HTTP calls and plans of them over HTTP. It writes every accepted request to
disk before it responds, so that nothing that it has accepted is lost.

Submit an execution with \`POST /v1/executions\`, wait for it with \`Prefer: wait=N\` or \`GET /v1/executions/{id}?wait=N\`, and
follow its output with \`GET /v1/executions/{id}/logs?follow=true\`.

Every error is a problem document (RFC 9457) with a stable \`type\`. execd rejects unknown fields and query parameters.

The [guide](/docs/guide/) describes how executions behave.`;

/** In the order in which /docs shows them. */
const TAGS = [
  { name: 'executions', description: 'Submit, read, list, change, cancel, rerun and remove executions.' },
  { name: 'logs', description: 'Read and follow the output of an execution.' },
  { name: 'files', description: 'Upload files for executions, and download artifacts.' },
  { name: 'plans', description: 'Submit several steps in one request, where a step can use the output of earlier ones.' },
  { name: 'schedules', description: 'Start executions and plans at due times: cron, intervals, once.' },
  { name: 'events', description: 'Follow the events of executions, as server-sent events.' },
  { name: 'webhooks', description: 'Get events sent to a URL, signed as Standard Webhooks specifies.' },
  { name: 'operations', description: 'Read the named operations that the operator has defined.' },
  { name: 'cache', description: 'Read, fill and clear the cache of results.' },
  { name: 'circuits', description: 'Read and reset the circuit breakers of programs, hosts and operations.' },
  { name: 'accounts', description: 'Read the credits of users, and grant credits.' },
  { name: 'server', description: 'Probes, metrics and statistics.' },
  { name: 'keys', description: 'Create, rotate and revoke API keys.' },
  { name: 'admin', description: 'Maintenance and the audit log.' },
];

/** @param paths operations by path and method */
export function documentOf(
  version: string,
  paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>,
  converter: Converter,
): object {
  return {
    openapi: '3.1.0',
    info: {
      title: 'execd',
      version,
      summary: 'Runs commands over HTTP, durably.',
      description: DESCRIPTION,
      contact: { name: 'execd' },
      license: { name: 'MIT', identifier: 'MIT' },
    },
    servers: [{ url: '/', description: 'This server' }],
    security: [{ bearer: [] }],
    tags: TAGS,
    paths,
    webhooks: webhooks(),
    components: {
      schemas: converter.components(),
      responses: refusalComponents(),
      ...headerComponents(),
      securitySchemes: {
        bearer: {
          type: 'http',
          scheme: 'bearer',
          description:
            'An API key (`ek_…`) or a token of the identity provider. A server without keys, which listens on loopback only, needs none.',
        },
      },
    },
  };
}

export function converterOf(requests: Requests): Converter {
  return new Converter({ ...components(requests), ...eventComponents, ...webhookComponents });
}
