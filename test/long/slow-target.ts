// A target that lets its callers wait: answers all of them when so many have come, or so many seconds after the first.
// Prints its port, and how many wait when it begins to answer.
import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

const [count = 1, seconds = 60] = process.argv.slice(2).map(Number);
/** So long that all can be seen waiting, milliseconds. */
const LAST_MS = 2000;
const waiting: ServerResponse[] = [];
let isOpen = false;

function answerAll(): void {
  if (!isOpen) console.log(JSON.stringify({ waiting: waiting.length }));
  isOpen = true;
  for (const response of waiting.splice(0)) response.end('done');
}

const server = createServer((_request, response) => {
  waiting.push(response);
  if (isOpen) answerAll();
  else if (waiting.length === 1) setTimeout(answerAll, seconds * 1000);
  if (waiting.length === count) setTimeout(answerAll, LAST_MS);
});
server.listen({ host: '127.0.0.1', port: 0, backlog: 4096 }, () =>
  console.log(JSON.stringify({ port: (server.address() as AddressInfo).port })),
);
