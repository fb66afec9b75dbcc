// Every screen of the console, and every dialog and menu, with what is there when it is ready.
import type { Page } from 'playwright-core';
import type { Shown } from './data.ts';

export interface Screen {
  name: string;
  path: string;
  /** What is in the page when it has its content. */
  ready: string;
  /** Opens something on it, and waits until that is there. */
  act?: (page: Page) => Promise<void>;
}

export function screensOf(shown: Shown): Screen[] {
  return [...pagesOf(shown), ...dialogsOf(shown)];
}

/** Each page and each tab that has a content of its own. */
export function pagesOf({
  failed,
  running,
  plan,
  halfway,
  refused,
  waiting,
  files,
  schedule,
}: Shown): Screen[] {
  const system = (tab: string, ready: string) => ({ name: tab, path: `/system?tab=${tab}`, ready });
  return [
    { name: 'executions', path: '/', ready: '.table-body .row' },
    { name: 'durations', path: '/?plot=1&status=failed', ready: '.scatter canvas' },
    { name: 'execution', path: `/executions/${failed}`, ready: '.log-row' },
    { name: 'live', path: `/executions/${running}`, ready: '.log-row' },
    { name: 'input', path: `/executions/${running}?tab=input`, ready: '.log-row' },
    { name: 'events', path: `/executions/${failed}?tab=events`, ready: '.events li' },
    { name: 'why', path: `/executions/${failed}?tab=why`, ready: '.why-tab' },
    { name: 'files', path: `/executions/${files}?tab=files`, ready: '.file-list li' },
    ...(refused === null
      ? []
      : [{ name: 'refused', path: `/executions/${refused}?tab=resources`, ready: '.top .notice' }]),
    { name: 'plans', path: '/plans', ready: '.plan-list li' },
    { name: 'plan', path: `/plans/${plan}`, ready: '.step-card' },
    { name: 'halfway', path: `/plans/${halfway}?step=load`, ready: '.step-card .meter' },
    { name: 'approval', path: `/plans/${waiting}?step=go`, ready: '.approval' },
    { name: 'signal', path: `/plans/${waiting}?step=frozen`, ready: '.signal-form' },
    { name: 'approvals', path: '/approvals', ready: '.approval' },
    { name: 'schedules', path: '/schedules', ready: '.schedule-list li' },
    { name: 'schedule', path: `/schedules/${schedule}`, ready: 'tbody tr' },
    { name: 'new-schedule', path: `/schedules/new?from=${schedule}`, ready: '.form' },
    { name: 'submit', path: '/submit', ready: '.verdict' },
    { name: 'submit-plan', path: '/submit?kind=plan', ready: '.verdict' },
    { name: 'system', path: '/system', ready: '.plot canvas' },
    system('pauses', '.pause-form'),
    system('usage', 'tbody tr'),
    system('operations', 'tbody tr'),
    system('webhooks', 'tbody tr'),
    system('runners', 'tbody tr'),
    system('cache', '.fact-list'),
    system('audit', 'tbody tr'),
    system('settings', 'tbody tr'),
  ];
}

function dialogsOf({ failed, running, plan, files, schedule }: Shown): Screen[] {
  const onExecution = { path: `/executions/${running}`, ready: '.log-row' };
  const onPlan = { path: `/plans/${plan}`, ready: '.step-card' };
  const onOperations = { path: '/system?tab=operations', ready: 'tbody tr' };
  const onWebhooks = { path: '/system?tab=webhooks', ready: 'tbody tr' };
  return [
    { name: 'keys', path: '/', ready: '.table-body .row', act: async (page) => pressed(page, '?') },
    {
      ...{ name: 'cancel-many', path: '/?status=running', ready: '.table-body .row' },
      async act(page) {
        await page.locator('.table-body .row input[type=checkbox]').first().check();
        await clicked(page, /^Cancel \d/);
      },
    },
    { name: 'cancel', ...onExecution, act: async (page) => clicked(page, 'Cancel') },
    { name: 'copy-as', ...onExecution, act: async (page) => clicked(page, 'Copy as', '.menu-items') },
    { name: 'extend', ...onExecution, act: async (page) => clicked(page, 'Extend', '.menu-items') },
    {
      ...{ name: 'log-search', path: `/executions/${failed}`, ready: '.log-row' },
      async act(page) {
        await page.getByLabel('Search in the log').fill('test 07');
        await page.getByText('10 lines').waitFor();
      },
    },
    {
      ...{ name: 'file', path: `/executions/${files}?tab=files`, ready: '.file-list li' },
      async act(page) {
        await clicked(page, 'out/sorted.txt');
        await page.getByLabel('Text of out/sorted.txt').waitFor();
      },
    },
    {
      ...{ name: 'plan-search', ...onPlan },
      async act(page) {
        await clicked(page, 'Search logs');
        await page.getByLabel('Text to find').fill('o');
        await page.keyboard.press('Enter');
        await page.locator('.plan-finds li').first().waitFor();
      },
    },
    {
      ...{ name: 'plan-why', ...onPlan },
      async act(page) {
        await clicked(page, 'Why?');
        await page.getByRole('dialog').getByText('first', { exact: true }).waitFor();
      },
    },
    {
      ...{ name: 'remove-schedule', path: `/schedules/${schedule}`, ready: 'tbody tr' },
      act: async (page) => clicked(page, /^Remove /),
    },
    { name: 'new-operation', ...onOperations, act: async (page) => clicked(page, 'New operation') },
    { name: 'operation', ...onOperations, act: async (page) => clicked(page, /^Edit /) },
    { name: 'remove-operation', ...onOperations, act: async (page) => clicked(page, /^Remove /) },
    {
      ...{ name: 'new-webhook', ...onWebhooks },
      async act(page) {
        await clicked(page, 'New webhook');
        await page.getByRole('combobox', { name: /^Message/ }).selectOption('own');
      },
    },
    {
      ...{ name: 'preview', ...onWebhooks },
      async act(page) {
        await clicked(page, /^Preview /);
        await page.locator('.preview-message').waitFor();
      },
    },
    { name: 'remove-webhook', ...onWebhooks, act: async (page) => clicked(page, /^Remove /) },
  ];
}

async function clicked(page: Page, name: string | RegExp, opens = 'dialog[open]'): Promise<void> {
  await page
    .getByRole('button', { name, ...(typeof name === 'string' && { exact: true }) })
    .first()
    .click();
  await page.locator(opens).waitFor();
}

async function pressed(page: Page, key: string): Promise<void> {
  await page.keyboard.press(key);
  await page.locator('dialog[open]').waitFor();
}
