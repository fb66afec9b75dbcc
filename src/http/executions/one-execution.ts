// What routes of one execution have in common.
import type { z } from 'zod';
import { idParams } from '../edge/schemas.ts';

export const oneExecution = { params: idParams, tags: ['executions'] };

export interface Params {
  Params: z.infer<typeof idParams>;
}
