// A reference to a secret, as a spec has it.
import { z } from 'zod';

export const secretName = z
  .string()
  .regex(/^[A-Za-z][A-Za-z0-9_.-]{0,99}$/, 'must be 1 to 100 of A-Z a-z 0-9 _ . - and begin with a letter');

/** Takes the place of a value in `env`. */
export const secretRef = z
  .strictObject({ secret: secretName.describe('Name of a secret of the server.') })
  .describe('A secret, which execd fills in when the command starts or the call is made.');
export type SecretRef = z.infer<typeof secretRef>;
