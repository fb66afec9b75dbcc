// The yardstick of executions: a small Node process that does nothing but spawn /bin/true, so many at a time, and read
// what it writes. Prints how many a second.
import { spawn } from 'node:child_process';

const [seconds = 3, inFlight = 64] = process.argv.slice(2).map(Number);
const stdio = process.argv[4] === 'ignore' ? 'ignore' : 'pipe';
const began = performance.now();
let ended = 0;

function one(): void {
  if (performance.now() - began > seconds * 1000) return;
  const child = spawn('/bin/true', [], { stdio });
  child.stdout?.resume();
  child.stderr?.resume();
  child.on('close', () => {
    ended += 1;
    one();
  });
}

for (let i = 0; i < inFlight; i++) one();
process.on('exit', () => console.log(ended / ((performance.now() - began) / 1000)));
