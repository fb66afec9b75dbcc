// Where a webhook of a request sends to.
import { z } from 'zod';
import { httpProblem } from './http-url.ts';
import { isMail, mailProblem } from './mail.ts';

export const receiverUrl = z
  .string()
  .max(8192)
  .superRefine((text, context) => {
    const problem = isMail(text) ? mailProblem(text) : httpProblem(text);
    if (problem === 'must be an http or https URL')
      return context.addIssue({ code: 'custom', message: 'must be an http, https or mailto URL' });
    if (problem !== null) context.addIssue({ code: 'custom', message: problem });
  })
  .describe('Receiver: an http or https URL, or `mailto:` and up to 10 addresses with commas between them.');
