// Why an execution or a plan is as it is.
import type { FastifyInstance } from 'fastify';
import type { Engine } from '../../engine/engine.ts';
import { json } from '../edge/answers.ts';
import { oneExecution, type Params } from '../executions/one-execution.ts';
import { explanation } from './explain-schemas.ts';
import { toExplanation } from './explain-wire.ts';

export function explainRoute(app: FastifyInstance, { engine }: { engine: Engine }): void {
  app.route<Params>({
    method: 'GET',
    url: '/v1/executions/:id/explain',
    config: { access: 'read', refuses: [410] },
    schema: {
      ...oneExecution,
      operationId: 'explainExecution',
      summary: 'Explain an execution or a plan',
      description:
        'Explains why it waits or ended, its retries, the cache lookup, and the effect of a rerun. Nothing is changed.',
      response: { 200: json('The explanation.', explanation) },
    },
    handler: async ({ caller, params }) => toExplanation(await engine.explain(caller, params.id)),
  });
}
