// Approvals, signals, schedules, files, pauses and explanations in the browser.
import { execFileSync } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { until } from '../../helpers/processes.ts';
import { check } from '../support.ts';
import type { Part } from './world.ts';
import { closed } from './world.ts';

export const LATER_PARTS: Record<string, Part> = {
  async guide({ open }) {
    execFileSync(process.execPath, ['scripts/build-guide.ts'], { stdio: 'inherit' });
    const isDark = "document.documentElement.classList.contains('dark')";
    const tab = await open('/');
    const { page } = tab;
    await page.getByRole('link', { name: 'Help' }).click();
    await page.getByRole('heading', { name: 'execd', level: 1 }).waitFor();
    check(new URL(page.url()).pathname === '/docs/guide/index.html', 'the console leads to the docs site');
    await page.getByRole('link', { name: 'Executions', exact: true }).first().click();
    await page.getByRole('heading', { name: 'Kinds' }).waitFor();
    const colours =
      "new Set([...document.querySelectorAll('pre code span')].map((it) => getComputedStyle(it).color)).size";
    check(Number(await page.evaluate(colours)) > 2, 'code has its colours');
    await page.getByRole('switch').first().click();
    check((await page.evaluate(isDark)) === true, 'it can be dark');
    await page.keyboard.press('/');
    await page.getByRole('searchbox').fill('retention');
    await page.locator('.result', { hasText: 'Retention' }).first().waitFor();
    check(true, 'the search finds words of other pages');
    await page.reload();
    await page.getByRole('heading', { name: 'Kinds' }).waitFor();
    check((await page.evaluate(isDark)) === true, 'and stays so');
    await closed(tab, 'guide');
  },
  async approvals({ open, server, shown }) {
    const tab = await open('/approvals');
    const { page } = tab;
    const card = page.getByRole('article', { name: 'Approval go' });
    await card.getByText('Ship 2.14 to all customers?').waitFor();
    check((await card.innerText()).includes('0 of 2 approvals'), 'an approval says how many it takes');
    await card.getByLabel('Comment').fill('looks good');
    await card.getByRole('button', { name: 'Approve' }).click();
    // Who has decided is asked no more.
    await page.getByText('Nothing waits for your decision').waitFor();
    await page.goto(`${server.url}/plans/${shown.waiting}?step=go`);
    await page.getByText('“looks good”').waitFor();
    await page.getByText('You have approved it').waitFor();
    check(true, 'and then that the other one is missing');
    await page.getByRole('region', { name: 'Graph of the steps' }).getByText('frozen').click();
    await page.getByLabel('Payload').fill('{"by": 1');
    await page.getByText(/^Line 1, column/).waitFor();
    await page.getByLabel('Payload').fill('{"by": "the calendar"}');
    await page.getByRole('button', { name: 'Send freeze-over' }).click();
    await page.locator('.wait-panel', { hasText: 'the calendar' }).waitFor();
    check(true, 'a signal is sent with its payload, and its step ends');
    const { id } = await server.call<{ id: string }>('POST', '/v1/plans', {
      strategy: { type: 'serial' },
      steps: [
        {
          name: 'other',
          kind: 'wait',
          approval: { four_eyes: true, message: 'Somebody else?', users: ['bea'] },
        },
      ],
    });
    await page.goto(`${server.url}/plans/${id}`);
    await page.getByText('Four eyes: the user of the plan may not decide').waitFor();
    check((await page.getByRole('button', { name: 'Approve' }).count()) === 0, 'four eyes are kept');
    await closed(tab, 'approvals');
  },

  async schedules({ open, server }) {
    const tab = await open('/schedules');
    const { page } = tab;
    await page.getByText('next in').waitFor();
    await page.getByRole('button', { name: 'Resume poll' }).click();
    await page.getByRole('button', { name: 'Pause poll' }).waitFor();
    check(true, 'a schedule is resumed');
    await page.getByRole('link', { name: 'poll' }).click();
    await page.getByText('None was due yet').waitFor();
    await page.getByRole('button', { name: 'Run now: poll' }).click();
    await page.getByText('by hand').waitFor();
    check(true, 'and run now, which its history shows');
    await page.getByRole('button', { name: 'Edit' }).click();
    await page.getByLabel('every_ms').fill('60000');
    await page.getByRole('button', { name: 'Save it' }).click();
    await page.getByText('every 1 min').waitFor();
    check(true, 'what is edited is kept');
    await page.getByRole('button', { name: 'Remove poll' }).click();
    await page.getByRole('button', { name: 'Remove it' }).click();
    await page.waitForURL(/\/schedules$/);
    await page.getByRole('button', { name: 'New schedule' }).click();
    await page.getByLabel('name').first().fill('hourly');
    await page.getByLabel('cron').fill('61 * * * *');
    await page.getByRole('button', { name: 'Create it' }).click();
    await page.getByRole('alert').waitFor();
    check((await page.getByRole('alert').innerText()).includes('cron'), 'a wrong time is named');
    await page.getByLabel('cron').fill('5 * * * *');
    await page.getByRole('button', { name: 'Create it' }).click();
    await page.waitForURL(/\/schedules\/hourly$/);
    const { execution } = await server.call<{ execution: object }>('GET', '/v1/schedules/hourly');
    check('command' in execution, 'and a schedule is created');
    await server.call('DELETE', '/v1/schedules/hourly');
    await closed(tab, 'schedules');
  },

  async files({ open, shown }) {
    const tab = await open(`/executions/${shown.files}?tab=files`);
    const { page } = tab;
    await page.getByRole('button', { name: 'out/sorted.txt', exact: true }).click();
    await page.getByLabel('Text of out/sorted.txt').waitFor();
    check((await page.getByLabel('Text of').innerText()).startsWith('ann\nbo'), 'a text is shown');
    const saving = page.waitForEvent('download');
    await page.getByRole('button', { name: /^Save, / }).click();
    const saved = await readFile(await (await saving).path(), 'utf8');
    check(saved === 'ann\nbo\nmia\n', 'and saved, byte for byte');
    await page.keyboard.press('Escape');
    await page.getByRole('button', { name: 'out/chart.png', exact: true }).click();
    const picture = page.getByRole('img', { name: 'Artifact out/chart.png' });
    await picture.waitFor();
    await until('it is loaded', async () => {
      const width = await page.evaluate("document.querySelector('img.picture').naturalWidth");
      return width === 168;
    });
    check(true, 'a picture is shown');
    await page.keyboard.press('Escape');
    for (const name of ['out/page.html', 'out/x.svg']) {
      await page.getByRole('button', { name, exact: true }).click();
      await page.getByRole('dialog').getByText('<script>window.harmed').waitFor();
      await page.keyboard.press('Escape');
    }
    check((await page.evaluate('window.harmed')) === undefined, 'pages and drawings are shown as text');
    await page.getByRole('button', { name: 'out/core.bin', exact: true }).click();
    await page.getByText('It is not text').waitFor();
    await page.keyboard.press('Escape');
    await page.locator('.notice', { hasText: 'report.pdf' }).first().waitFor();
    await page.getByText('left.tmp').first().waitFor();
    check(true, 'what is missing and what was left is named');
    const all = page.waitForEvent('download');
    await page.getByRole('button', { name: 'as tar.gz' }).click();
    check((await all).suggestedFilename().endsWith('.tar.gz'), 'all are saved as one archive');
    await closed(tab, 'files');
  },

  async pauses({ open, server }) {
    const tab = await open('/system?tab=pauses');
    const { page } = tab;
    await page.getByText('Nothing is paused').waitFor();
    await page.getByLabel('Reason').fill('the database moves');
    await page.getByRole('button', { name: 'Pause it' }).click();
    await page.getByText('the database moves').waitFor();
    const { id } = await server.submit({ kind: 'shell', command: 'echo held up' });
    const waiting = await open(`/executions/${id}?tab=why`);
    await waiting.page.locator('.why-tab', { hasText: 'paused' }).waitFor();
    check(true, 'the reason of what waits is explained');
    await closed(waiting, 'why it waits');
    await page.getByRole('button', { name: 'Resume queue' }).click();
    await page.getByText('Nothing is paused').waitFor();
    await server.finished(id);
    check(true, 'the queue is paused and resumed');
    await closed(tab, 'pauses');
  },

  async why({ open, server, shown }) {
    const tab = await open(`/executions/${shown.failed}?tab=why`);
    const { page } = tab;
    await page.locator('.why-tab', { hasText: 'exited with code 1' }).waitFor();
    await page.getByRole('heading', { name: 'A rerun' }).waitFor();
    check(true, 'an end is explained, and what a rerun would do');
    const cached = (word: string) =>
      server.submit({ kind: 'exec', program: 'echo', args: [word], cache: { ttl_s: 60 } });
    await server.finished((await cached('monday')).id);
    const { id } = await cached('tuesday');
    await server.finished(id);
    await page.goto(`${server.url}/executions/${id}?tab=why`);
    await page.locator('.why-tab td', { hasText: 'args' }).waitFor();
    check(true, 'a miss of the cache names the fields that differ');
    await page.goto(`${server.url}/plans/${shown.plan}`);
    await page.getByRole('button', { name: 'Why?' }).click();
    await page.getByRole('dialog').getByText('first', { exact: true }).waitFor();
    check(true, 'and a plan the step that failed first');
    await closed(tab, 'why');
  },

  async input({ open, server }) {
    const { id } = await server.submit({
      ...{ kind: 'shell', stdin: { open: true } },
      command:
        'trap "echo reloaded" HUP; while read -r n; do echo "$n squared is $((n * n))"; done; echo bye',
    });
    const tab = await open(`/executions/${id}`);
    const { page } = tab;
    await page.getByPlaceholder('Type a line of input').fill('12');
    await page.keyboard.press('Enter');
    await page.getByText('12 squared is 144').first().waitFor();
    check(true, 'a line reaches the command');
    await page.getByRole('button', { name: 'Signal' }).click();
    await page.getByRole('button', { name: /^SIGHUP/ }).click();
    await page.getByPlaceholder('Type a line of input').fill('3');
    await page.getByRole('button', { name: 'Send', exact: true }).click();
    await page.getByText('reloaded').first().waitFor();
    check(true, 'and a signal');
    await page.getByRole('button', { name: 'End of input' }).click();
    await page.getByText('bye').first().waitFor();
    await page.locator('.top .status', { hasText: 'completed' }).waitFor();
    check(
      (await page.getByPlaceholder('Type a line of input').count()) === 0,
      'what has ended takes no input',
    );
    await closed(tab, 'input');
  },

  async terminal({ open, server }) {
    const { id } = await server.submit({
      ...{ kind: 'shell', tty: { cols: 80, rows: 24 } },
      command: String.raw`stty size; printf '\033[38;2;255;100;0mcolour\033[0m\n'; read -r a; stty size; echo "<$a>"; exit 3`,
    });
    const tab = await open(`/executions/${id}`);
    const { page } = tab;
    const screen = page.locator('.terminal .xterm-rows');
    await screen.getByText('colour').waitFor();
    const color = await page.evaluate(
      "getComputedStyle([...document.querySelectorAll('.xterm-rows span')].find((one) => one.textContent === 'colour')).color",
    );
    check(color === 'rgb(255, 100, 0)', `colours are drawn under the policy of the page: ${String(color)}`);
    await page.keyboard.type('typed here');
    await page.keyboard.press('Enter');
    await page.locator('.top .status', { hasText: 'failed' }).waitFor();
    const log = await (await fetch(`${server.url}/v1/executions/${id}/logs`)).text();
    const sizes = log.match(/\d+ \d+/g) ?? [];
    check(
      log.includes('<typed here>') && sizes.length === 2,
      `what is typed arrives: ${sizes.join(', then ')}`,
    );
    check(sizes[0] !== sizes[1], 'and the command is told the size of the page');
    await page.locator('.log-row', { hasText: 'typed here' }).first().waitFor();
    check(true, 'after its end the log is shown');
    await closed(tab, 'terminal');
  },
};
