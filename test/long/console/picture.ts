// A picture as PNG: bars of some heights.
import { crc32, deflateSync } from 'node:zlib';

const HEIGHT = 120;
const BAR = 24;
const INK = [0x2f, 0x8f, 0x83];

export function barsAsPng(heights: readonly number[]): Buffer {
  const width = heights.length * BAR;
  const rows = Array.from({ length: HEIGHT }, (_, y) => {
    const pixels = Array.from({ length: width }, (__, x) => {
      const isInk = x % BAR > 4 && HEIGHT - y < (heights[Math.floor(x / BAR)] ?? 0);
      return isInk ? INK : [0xf4, 0xf4, 0xf2];
    });
    return Buffer.from([0, ...pixels.flat()]);
  });
  const head = Buffer.alloc(13);
  head.writeUInt32BE(width, 0);
  head.writeUInt32BE(HEIGHT, 4);
  head.set([8, 2], 8);
  return Buffer.concat([
    Buffer.from('89504e470d0a1a0a', 'hex'),
    chunk('IHDR', head),
    chunk('IDAT', deflateSync(Buffer.concat(rows))),
    chunk('IEND', Buffer.alloc(0)),
  ]);
}

function chunk(type: string, data: Buffer): Buffer {
  const body = Buffer.concat([Buffer.from(type), data]);
  const [length, sum] = [Buffer.alloc(4), Buffer.alloc(4)];
  length.writeUInt32BE(data.length);
  sum.writeUInt32BE(crc32(body));
  return Buffer.concat([length, body, sum]);
}
