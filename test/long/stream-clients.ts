// Followers of streams, in a process of their own: opens what it is told, and reports how old each line is when it comes.
import { get } from 'node:http';

const report = { open: 0, latencies: [] as number[], ended: 0, failed: 0 };

let connecting = 0;

function follow(url: string): void {
  connecting += 1;
  let hasEnd = false;
  const request = get(url, { agent: false }, (response) => {
    report.open += 1;
    connecting -= 1;
    let rest = '';
    response.setEncoding('utf8').on('data', (text: string) => {
      const now = Date.now();
      rest += text;
      const blocks = rest.split('\n\n');
      rest = blocks.pop() ?? '';
      for (const block of blocks) {
        for (const [, time] of block.matchAll(/(?:"text":"|\\n)(\d{13})(?=\\n)/g))
          report.latencies.push(now - Number(time));
        if (block.includes('event: completed')) hasEnd = true;
      }
    });
    response.on('close', () => {
      if (hasEnd) report.ended += 1;
      else report.failed += 1;
    });
    response.on('error', () => undefined);
  });
  request.on('error', (error) => {
    if (report.failed === 0) console.error(error);
    report.failed += 1;
  });
}

process.on('message', (urls: string[]) => {
  const left = [...urls];
  // A few at a time: the listen queue of a server is short.
  const more = setInterval(() => {
    for (const url of left.splice(0, 100 - connecting)) follow(url);
    if (left.length === 0) clearInterval(more);
  }, 10);
});
setInterval(() => process.send?.(report), 500);
process.on('disconnect', () => process.exit(0));
