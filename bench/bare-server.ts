// The yardstick of the HTTP figures: Fastify routes that do nothing else.
import fastify from 'fastify';

const document: unknown = JSON.parse(process.env.DOCUMENT ?? '{}');
const app = fastify({ logger: false });
app.get('/small/:id', {
  schema: { response: { 200: { type: 'object', properties: { id: { type: 'string' } } } } },
  handler: async (request) => ({ id: (request.params as { id: string }).id }),
});
app.get('/document/:id', async () => document);
const body = {
  type: 'object',
  required: ['kind', 'program'],
  additionalProperties: false,
  properties: {
    kind: { type: 'string' },
    program: { type: 'string' },
    args: { type: 'array', items: { type: 'string' } },
    cache: { type: 'object' },
  },
};
app.post('/submit', {
  schema: { body },
  handler: async (request, reply) =>
    reply.code(202).send({ id: 'x', kind: (request.body as { kind: string }).kind }),
});
app.post('/document', { schema: { body }, handler: async () => document });
console.log(JSON.stringify({ address: await app.listen({ host: '127.0.0.1', port: 0 }) }));
