// Short names for the types that the OpenAPI document has. None is written by hand.
import type { components, operations } from './schema.ts';

export type { components, operations, paths } from './schema.ts';

type Schemas = components['schemas'];

export type Account = Schemas['Account'];
export type Artifact = Schemas['Artifact'];
export type ApiKey = Schemas['ApiKey'];
export type BulkCancelRequest = Schemas['BulkCancelRequest'];
export type CacheEntry = Schemas['CacheEntry'];
export type CancelRequest = Schemas['CancelRequest'];
export type Circuit = Schemas['Circuit'];
export type Delivery = Schemas['Delivery'];
export type DryRun = Schemas['DryRun'];
export type Event = Schemas['Event'];
export type Execution = Schemas['Execution'];
export type Explanation = Schemas['Explanation'];
export type Health = Schemas['Health'];
export type InputState = Schemas['InputState'];
export type LedgerEntry = Schemas['LedgerEntry'];
export type LogEnd = Schemas['LogEnd'];
export type LogRecord = Schemas['LogRecord'];
export type Me = Schemas['Me'];
export type Operation = Schemas['Operation'];
export type OutputEvent = Schemas['OutputEvent'];
export type OperationsReport = Schemas['OperationsReport'];
export type Outcome = Schemas['Outcome'];
export type Approval = Schemas['Approval'];
export type DecisionRequest = Schemas['DecisionRequest'];
export type Signal = Schemas['Signal'];
export type Pause = Schemas['Pause'];
export type Runner = Schemas['Runner'];
export type RunnerPool = Schemas['RunnerPool'];
export type Plan = Schemas['Plan'];
export type PlanLogEnd = Schemas['PlanLogEnd'];
export type PlanLogRecord = Schemas['PlanLogRecord'];
export type PlanReport = Schemas['PlanReport'];
export type PlanRequest = Schemas['PlanRequest'];
export type PatchRequest = Schemas['PatchRequest'];
export type Problem = Schemas['Problem'];
export type CommandSignal = Schemas['CommandSignal'];
export type CommandSignalSent = Schemas['CommandSignalSent'];
export type Spec = Schemas['Spec'];
export type Stats = Schemas['Stats'];
export type Status = Schemas['Status'];
export type StepState = Schemas['StepState'];
export type Upload = Schemas['Upload'];
export type Usage = Schemas['Usage'];
export type Webhook = Schemas['Webhook'];

type Query<Name extends keyof operations> = NonNullable<operations[Name]['parameters']['query']>;
/** Filters of the list of executions. */
export type ExecutionFilter = Omit<Query<'listExecutions'>, 'cursor'>;
/** The window of a report. */
export type ReportQuery = Query<'reportOperations'>;
/** Filters of the list of plans. */
export type PlanFilter = Omit<Query<'listPlans'>, 'cursor'>;
/** Filters of the stream of all events, and where it begins. */
export type EventFilter = Query<'followEvents'>;
/** What of a log to read. */
type OfLines = 'q' | 'regex' | 'context' | 'timestamps' | 'download';
/** How bytes are read. Lines are searched with `api.GET('/v1/executions/{id}/logs')`. */
export type LogQuery = Omit<Query<'getExecutionLog'>, 'format' | 'follow' | OfLines>;
/** A log as bytes, or the lines of it that match. */
export type RawLogQuery = Query<'getExecutionLog'>;
export type PlanLogQuery = Omit<Query<'getPlanLog'>, 'format' | 'follow' | OfLines>;
/** The lines of the logs of a plan that match, as text or as lines of JSON. */
export type RawPlanLogQuery = Query<'getPlanLog'>;
