// Operations, webhooks and runners of the system pages; progress; the search in the logs of a plan.
import { until } from '../../helpers/processes.ts';
import { check } from '../support.ts';
import type { Part } from './world.ts';
import { closed } from './world.ts';

export const SYSTEM_PARTS: Record<string, Part> = {
  async operations({ open, server }) {
    const tab = await open('/system?tab=operations');
    const { page } = tab;
    await page.locator('tbody tr', { hasText: 'resize-image' }).waitFor();
    await page.getByRole('button', { name: 'New operation' }).click();
    await page.getByRole('textbox', { name: 'Name', exact: true }).fill('greet');
    const definition = page.getByRole('textbox', { name: /^Definition/ });
    const example = await definition.inputValue();
    await definition.fill(example.slice(0, -1));
    await page.getByText(/^Line \d+, column/).waitFor();
    await definition.fill(example.replace('{{name}}', '{{nobody}}'));
    await page.getByRole('button', { name: 'Create' }).click();
    await page.getByRole('dialog').getByRole('alert').waitFor();
    check(true, 'what is no JSON, and what execd rejects, is said');
    await definition.fill(example);
    await page.getByRole('button', { name: 'Create' }).click();
    await page.getByRole('link', { name: 'Run greet' }).waitFor();
    const version = page.locator('tbody tr', { hasText: 'greet' }).locator('td:nth-child(3) code');
    const before = await version.innerText();
    await page.getByRole('button', { name: 'Edit greet' }).click();
    await definition.fill(example.replace('"hello"', '"good day"'));
    await page.getByRole('button', { name: 'Replace' }).click();
    await page.getByRole('dialog').waitFor({ state: 'detached' });
    await until('it has another version', async () => (await version.innerText()) !== before);
    check(true, 'an operation is put, and has another version when it is replaced');
    await page.getByRole('link', { name: 'Run greet' }).click();
    await page.getByLabel('name *').fill('Ada');
    await page.getByRole('button', { name: 'Run it' }).click();
    await page.waitForURL(/\/executions\//);
    await page.locator('.log-row', { hasText: 'good day Ada' }).first().waitFor();
    check(true, 'the form of its parameters runs it');
    await page.goto(`${server.url}/system?tab=operations`);
    await page.getByRole('button', { name: 'Remove greet' }).click();
    await page.getByRole('button', { name: 'Remove it' }).click();
    await page.locator('tbody tr', { hasText: 'greet' }).waitFor({ state: 'detached' });
    check(true, 'and it is removed');
    await closed(tab, 'operations');
  },

  async webhooks({ open }) {
    const tab = await open('/system?tab=webhooks');
    const { page } = tab;
    await page.locator('tbody tr', { hasText: 'hooks.example.com/builds' }).waitFor();
    await page.getByRole('button', { name: 'New webhook' }).click();
    await page.getByLabel('Receiver').fill('https://hooks.example.com/one');
    await page.getByLabel('Only when').fill('failures >=');
    await page.getByRole('combobox', { name: /^Message/ }).selectOption('slack');
    await page.getByRole('button', { name: 'Create' }).click();
    await page.getByRole('dialog').getByRole('alert').waitFor();
    await page.getByLabel('Only when').fill('failures >= 3');
    await page.getByRole('button', { name: 'Create' }).click();
    await page.getByRole('dialog').getByText('whsec_').waitFor();
    await page.getByRole('button', { name: 'Done' }).click();
    check(true, 'a webhook is created, and shows its secret once');
    const one = page.locator('tbody tr', { hasText: 'hooks.example.com/one' });
    await one.getByRole('button', { name: /^Preview / }).click();
    await page.getByText('would be skipped').waitFor();
    await page.getByLabel('Failures in a row').fill('3');
    await page.getByText('would be sent').waitFor();
    check((await page.locator('.preview-message').innerText()).includes('"text"'), 'its message is shown');
    await page.keyboard.press('Escape');
    await one.getByRole('button', { name: /^Turn off / }).click();
    await one.getByText('off', { exact: true }).waitFor();
    await one.getByRole('button', { name: /^Remove / }).click();
    await page.getByRole('button', { name: 'Remove it' }).click();
    await one.waitFor({ state: 'detached' });
    check(true, 'it is turned off and removed');
    await closed(tab, 'webhooks');
  },

  async progress({ open, server, shown }) {
    const { id } = await server.submit({
      ...{ kind: 'shell', progress: 'json', stdin: { open: true } },
      command: `echo '{"percent": 42, "message": "copying", "metrics": {"files": 7}}'; read -r _`,
    });
    const tab = await open(`/executions/${id}`);
    const { page } = tab;
    await page.locator('.run-progress', { hasText: '42 %' }).waitFor();
    const words = await page.locator('.run-progress').innerText();
    check(words.includes('copying') && words.includes('files 7'), 'what a command says of its progress');
    await page.getByRole('button', { name: 'End of input' }).click();
    await page.locator('.run-progress').waitFor({ state: 'detached' });
    await page.goto(`${server.url}/system?tab=runners`);
    await page.locator('tbody tr', { hasText: 'this server' }).waitFor();
    check(true, 'the runners are listed');
    await page.goto(`${server.url}/plans/${shown.plan}`);
    await page.getByRole('button', { name: 'Search logs' }).click();
    await page.getByLabel('Text to find').fill('PASSED|assertion');
    await page.keyboard.press('Enter');
    await page.getByText('No line has it').waitFor();
    await page.getByLabel('RE2').check();
    await page.getByLabel('Text to find').fill('passed|Assertion');
    await page.keyboard.press('Enter');
    await page.locator('.plan-finds', { hasText: '412 passed' }).waitFor();
    await page.locator('.plan-finds').getByRole('button', { name: 'e2e' }).first().click();
    await page.waitForURL(/step=e2e/);
    check(true, 'the logs of all steps are searched, and a find leads to its step');
    await closed(tab, 'progress, runners, search');
  },
};
