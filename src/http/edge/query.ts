// Query parameters: texts of a URL, made into lists, numbers, booleans and times; and how the OpenAPI document shows them.
import { z } from 'zod';

/** What stands in the OpenAPI document in place of a schema that transforms what it reads. */
export const shownAs = <T extends z.ZodType>(json: object, schema: T): T => schema.meta({ shownAs: json });

/** Several values of one parameter, separated by commas or by repeating it. */
export const list = <T extends z.ZodEnum>(item: T) =>
  shownAs(
    { type: 'array', items: { type: 'string', enum: item.options } },
    z.preprocess(
      (value) => (typeof value === 'string' ? value.split(',') : value),
      z.array(item).min(1).max(50),
    ),
  );
export const digits = (min: number, max: number, description: string) =>
  shownAs(
    { type: 'integer', minimum: min, maximum: max, description },
    z
      .string()
      .regex(/^\d{1,15}$/, 'must be a whole number')
      .transform(Number)
      .pipe(z.int().min(min).max(max)),
  );
/** A parameter that is true or false. */
export const flag = () =>
  shownAs(
    { type: 'boolean' },
    z.enum(['true', 'false'], 'must be true or false').transform((text) => text === 'true'),
  );
/** A point in time: RFC 3339 with an offset, to milliseconds since the epoch. */
export const instant = shownAs(
  { type: 'string', format: 'date-time' },
  z.iso
    .datetime({
      offset: true,
      error: 'must be a time with an offset (RFC 3339), for example 2027-01-31T12:00:00Z',
    })
    .transform((text) => Date.parse(text)),
);
const labelPair = z
  .string()
  .regex(/^[^=]+=/, 'must be NAME=VALUE')
  .transform((text) => {
    const at = text.indexOf('=');
    return { name: text.slice(0, at), value: text.slice(at + 1) };
  });
export const labelPairs = shownAs(
  { type: 'array', items: { type: 'string' } },
  z.preprocess((value) => [value].flat(), z.array(labelPair).min(1).max(20)),
).describe('`NAME=VALUE`. If it is repeated, all labels must match.');
