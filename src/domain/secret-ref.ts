// A reference to a secret, as a spec has it.
import { z } from 'zod';

export const secretName = z
  .string()
  .regex(/^[A-Za-z][A-Za-z0-9_.-]{0,99}$/, 'is 1 to 100 of A-Z a-z 0-9 _ . - and begins with a letter');

/** Takes the place of a value in `env`. */
export const secretRef = z.strictObject({ secret: secretName.describe('name of a secret of the server') });
export type SecretRef = z.infer<typeof secretRef>;
