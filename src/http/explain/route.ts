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
        'Says why it waits, why it ended as it did, what was retried and what was not, what it found in the cache, and what a rerun would do now. Nothing is changed.',
      response: { 200: json('The explanation.', explanation) },
    },
    handler: async ({ caller, params }) => toExplanation(await engine.explain(caller, params.id)),
  });
}
