// The client of execd, for Node, Deno, Bun and browsers: `import { connect } from 'execd/client'`.
export type { AttachMessage, Attachment, AttachOptions } from './attach.ts';
export { type Api, dataOf, type Page, paginate } from './calls.ts';
export { connect, type ConnectOptions, type Execd } from './connect.ts';
export type { Download, DownloadOptions } from './downloads.ts';
export * from './errors.ts';
export type { Message } from './events.ts';
export type { LogChunk, LogOptions, LogStream } from './logs.ts';
export type { AgainOptions, RunOptions, SubmitOptions } from './options.ts';
export type { PlanLogChunk, PlanLogOptions } from './plan-logs.ts';
export type { Plans } from './plans.ts';
export type { ClientClock } from './time.ts';
export type { Retry } from './transport.ts';
export type * from './types.ts';
export type { UploadData, UploadOptions } from './uploads.ts';
export {
  verifyWebhook,
  type WebhookHeaders,
  type WebhookMessage,
  WebhookSignatureError,
} from './webhooks.ts';
