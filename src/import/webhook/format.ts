// The file of adnanh/webhook: a list of hooks, as its documentation describes them.
import { z } from 'zod';

const reference = z.strictObject({
  source: z.string(),
  name: z.string().optional(),
  envname: z.string().optional(),
  base64decode: z.boolean().optional(),
});
const references = z
  .array(reference)
  .nullish()
  .transform((list) => list ?? []);
const header = z.strictObject({ name: z.string(), value: z.string() });

const match = z.strictObject({
  type: z.string(),
  parameter: reference.optional(),
  value: z.coerce.string().optional(),
  regex: z.string().optional(),
  secret: z.string().optional(),
  'ip-range': z.string().optional(),
});
export type Match = z.infer<typeof match>;

export type Rule = { and: Rule[] } | { or: Rule[] } | { not: Rule } | { match: Match };
const rule: z.ZodType<Rule> = z.lazy(() =>
  z.union([
    z.strictObject({ and: z.array(rule) }),
    z.strictObject({ or: z.array(rule) }),
    z.strictObject({ not: rule }),
    z.strictObject({ match }),
  ]),
);

export const webhookHook = z.strictObject({
  id: z.string(),
  'execute-command': z.string(),
  'command-working-directory': z.string().optional(),
  'pass-arguments-to-command': references,
  'pass-environment-to-command': references,
  'pass-file-to-command': references,
  'parse-parameters-as-json': references,
  'trigger-rule': rule.nullish().transform((one) => one ?? null),
  'http-methods': z
    .array(z.string())
    .nullish()
    .transform((list) => list ?? []),
  'include-command-output-in-response': z.boolean().default(false),
  'include-command-output-in-response-on-error': z.boolean().default(false),
  'response-message': z.string().optional(),
  'response-headers': z
    .array(header)
    .nullish()
    .transform((list) => list ?? []),
  'success-http-response-code': z.int().optional(),
  'trigger-rule-mismatch-http-response-code': z.int().optional(),
  'incoming-payload-content-type': z.string().optional(),
  'trigger-signature-soft-failures': z.boolean().default(false),
  'keep-file-environment': z.boolean().optional(),
  'pre-hook-command': z.string().optional(),
});
export type WebhookHook = z.infer<typeof webhookHook>;

/** What is said of one field of one hook. */
export interface Remark {
  hook: string;
  field: string;
  /** `problem`: the hook is not converted. `change`: it is, and behaves differently. */
  type: 'problem' | 'change';
  message: string;
}
