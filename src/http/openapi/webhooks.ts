// What execd sends to webhooks, as the OpenAPI document shows it.

const HEADERS = [
  { name: 'webhook-id', description: 'Id of the event: the same for every try. Use it to drop duplicates.' },
  { name: 'webhook-timestamp', description: 'When this try was sent, seconds since the epoch.' },
  {
    name: 'webhook-signature',
    description:
      '`v1,` and the base64 of the HMAC-SHA-256 of `ID.TIMESTAMP.BODY`, as Standard Webhooks specifies. Several, separated by spaces, while a secret is being rotated.',
  },
].map((header) => ({ ...header, in: 'header', required: true, schema: { type: 'string' } }));

const RESPONSES = {
  '2XX': { description: 'Delivered.' },
  '4XX': { description: 'Not delivered: execd tries again later, up to 8 times within about 28 hours.' },
  '5XX': { description: 'Not delivered: execd tries again later. It respects `Retry-After`.' },
  410: { description: 'The receiver no longer exists: execd disables the webhook.' },
};

function message(operationId: string, schema: string, texts: { summary: string; description: string }): object {
  return {
    post: {
      operationId,
      ...texts,
      tags: ['webhooks'],
      parameters: HEADERS,
      requestBody: {
        required: true,
        content: { 'application/cloudevents+json': { schema: { $ref: `#/components/schemas/${schema}` } } },
      },
      responses: RESPONSES,
      security: [],
    },
  };
}

export function webhooks(): Record<string, object> {
  return {
    executionEvent: message('onExecutionEvent', 'ExecutionCloudEvent', {
      summary: 'An event of an execution or plan',
      description:
        'execd sends the events that the webhook selects, by default `completed`, `failed`, `cancelled` and `timed_out`. Events of one execution arrive in order unless a delivery fails.',
    }),
    accountEvent: message('onAccountEvent', 'AccountCloudEvent', {
      summary: 'The balance of an account became low',
      description: 'execd sends it once when the balance falls below the threshold of the credits file.',
    }),
    scheduleEvent: message('onScheduleEvent', 'ScheduleCloudEvent', {
      summary: 'A schedule is silent',
      description: 'execd sends it once if no run of a schedule completes for `silent_after_ms`.',
    }),
    test: message('onTest', 'TestCloudEvent', {
      summary: 'A test that you requested',
      description: 'execd sends it once for each `POST /v1/webhooks/{id}/test`.',
    }),
  };
}
