// The settings that the server runs with, for administrators.
import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import { json } from '../edge/answers.ts';

const setting = z
  .strictObject({
    name: z.string().describe('Name of the environment variable.'),
    value: z
      .string()
      .nullable()
      .describe('Its value, after the default; null: it is unset and has no default.'),
    is_set: z.boolean().describe('Whether it differs from its default.'),
    unit: z.string().describe('Its unit.'),
    about: z.string().describe('The meaning of the setting.'),
  })
  .describe('A setting.');
export const settingList = z
  .strictObject({ items: z.array(setting).describe('All settings.') })
  .describe('The settings of the server.');
export type ShownSetting = z.infer<typeof setting>;

export function settingsRoute(app: FastifyInstance, settings: readonly ShownSetting[]): void {
  app.route({
    method: 'GET',
    url: '/v1/admin/settings',
    config: { access: 'admin' },
    schema: {
      operationId: 'listSettings',
      summary: 'List the settings of the server',
      description: 'Secrets are not part of the settings. Of a URL, only the origin is shown.',
      tags: ['admin'],
      response: { 200: json('The settings.', settingList) },
    },
    handler: async () => ({ items: [...settings] }),
  });
}
