// A collector of traces: takes spans over OTLP/HTTP as protobuf
// (https://opentelemetry.io/docs/specs/otlp/#otlphttp), and answers as the test says.
import { createServer, type IncomingHttpHeaders, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Test } from 'tap';

export interface CollectedSpan {
  traceId: string;
  spanId: string;
  parentId: string;
  name: string;
  /** 1 internal, 2 server, 3 client. */
  kind: number;
  from: bigint;
  to: bigint;
  attributes: Record<string, unknown>;
  /** 2 is an error. */
  status: number;
}

export interface Collector {
  url: string;
  spans: CollectedSpan[];
  resource: Record<string, unknown>;
  requests: IncomingHttpHeaders[];
  /** The default is 200. */
  answer: (response: ServerResponse) => void;
}

export async function collector(t: Test): Promise<Collector> {
  const one: Collector = {
    ...{ url: '', spans: [], resource: {}, requests: [] },
    answer: (response) => response.writeHead(200, { 'content-type': 'application/x-protobuf' }).end(),
  };
  const server = createServer((request, response) => {
    const pieces: Buffer[] = [];
    request.on('data', (piece: Buffer) => pieces.push(piece));
    request.on('end', () => {
      one.requests.push(request.headers);
      take(one, Buffer.concat(pieces));
      one.answer(response);
    });
  });
  t.teardown(() => {
    server.close();
    server.closeAllConnections();
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  one.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return one;
}

/** Fields of a message by their number: numbers as bigint, all else as bytes. */
type Fields = Map<number, (bigint | Buffer)[]>;

function fieldsOf(bytes: Buffer): Fields {
  const fields: Fields = new Map();
  let at = 0;
  const varint = (): bigint => {
    let value = 0n;
    for (let shift = 0n; ; shift += 7n) {
      const byte = bytes[at++] as number;
      value |= BigInt(byte & 0x7f) << shift;
      if (byte < 0x80) return value;
    }
  };
  const take = (length: number): Buffer => bytes.subarray(at, (at += length));
  while (at < bytes.length) {
    const tag = Number(varint());
    const type = tag & 7;
    const value =
      type === 0
        ? varint()
        : type === 1
          ? take(8).readBigUInt64LE()
          : type === 5
            ? BigInt(take(4).readUInt32LE())
            : take(Number(varint()));
    const number = tag >> 3;
    fields.set(number, [...(fields.get(number) ?? []), value]);
  }
  return fields;
}

const messages = (fields: Fields, number: number): Fields[] =>
  (fields.get(number) ?? []).map((bytes) => fieldsOf(bytes as Buffer));
const bytesOf = (fields: Fields, number: number): Buffer =>
  (fields.get(number)?.[0] as Buffer | undefined) ?? Buffer.alloc(0);
const numberOf = (fields: Fields, number: number): bigint =>
  (fields.get(number)?.[0] as bigint | undefined) ?? 0n;

/** ExportTraceServiceRequest: resource_spans = 1 {resource = 1, scope_spans = 2 {spans = 2}}. */
function take(to: Collector, body: Buffer): void {
  for (const ofResource of messages(fieldsOf(body), 1)) {
    for (const resource of messages(ofResource, 1)) to.resource = attributesOf(resource, 1);
    for (const ofScope of messages(ofResource, 2))
      for (const span of messages(ofScope, 2)) to.spans.push(toSpan(span));
  }
}

function toSpan(span: Fields): CollectedSpan {
  const [status] = messages(span, 15);
  return {
    traceId: bytesOf(span, 1).toString('hex'),
    spanId: bytesOf(span, 2).toString('hex'),
    parentId: bytesOf(span, 4).toString('hex'),
    name: bytesOf(span, 5).toString(),
    kind: Number(numberOf(span, 6)),
    from: numberOf(span, 7),
    to: numberOf(span, 8),
    attributes: attributesOf(span, 9),
    status: status === undefined ? 0 : Number(numberOf(status, 3)),
  };
}

function attributesOf(fields: Fields, number: number): Record<string, unknown> {
  return Object.fromEntries(
    messages(fields, number).map((pair) => [
      bytesOf(pair, 1).toString(),
      valueOf(messages(pair, 2)[0] as Fields),
    ]),
  );
}

/** AnyValue: string = 1, bool = 2, int = 3, double = 4, array = 5. */
function valueOf(value: Fields): unknown {
  if (value.has(1)) return bytesOf(value, 1).toString();
  if (value.has(3)) return Number(numberOf(value, 3));
  return messages(value, 5).flatMap((array) => messages(array, 1).map(valueOf));
}
