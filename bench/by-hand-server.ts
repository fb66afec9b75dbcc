// What people write by hand: a route that runs a program and answers at its end. It keeps nothing, limits nothing, ends nothing.
import { execa } from 'execa';
import fastify from 'fastify';

const app = fastify({ logger: false });
app.post('/run', async (request) => {
  const { program, args } = request.body as { program: string; args: string[] };
  const { exitCode, stdout, stderr } = await execa(program, args, { reject: false });
  return { exit_code: exitCode, stdout, stderr };
});
console.log(JSON.stringify({ address: await app.listen({ host: '127.0.0.1', port: 0 }) }));
