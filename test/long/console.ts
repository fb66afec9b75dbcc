// The web console in a browser: each screen, live, over a restart of the server, with a log of a million lines, with output
// that means harm, on a phone, for a key that may do little; and axe finds nothing.
//
//   npm run test:console -- follow million      these parts only
import { createHash } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Page } from 'playwright-core';
import { until } from '../helpers/processes.ts';
import { DESKTOP, linesIn, openBrowser, openTab, PHONE } from './console/browser.ts';
import { AXE_PARTS } from './console/axe-part.ts';
import { fill, NETWORK, PLAN } from './console/data.ts';
import { LATER_PARTS } from './console/later-parts.ts';
import { pagesOf } from './console/pages.ts';
import { SYSTEM_PARTS } from './console/system-parts.ts';
import { closed, type Part, type World } from './console/world.ts';
import { check, finish, freePort, megabytes, scratch, startServer } from './support.ts';

const wanted = process.argv.slice(2);
const MOST_MEMORY = 150e6;
const MOST_NODES = 6000;

const text = (page: Page, selector: string) => page.locator(selector).first().innerText();

/** The row of a log that has some words. */
const lineOf = (page: Page, words: string) => page.locator('.log-row', { hasText: words }).first();

async function shownLines(page: Page): Promise<number> {
  return Number((await text(page, '.log-count')).replaceAll(/\D/g, ''));
}

/** When a page has its first row, by its own clock: milliseconds since its navigation began. */
const FIRST_ROW = `new MutationObserver((_changes, observer) => {
  if (document.querySelector('.table-body .row a') === null) return;
  window.firstRow = performance.now();
  observer.disconnect();
}).observe(document, { childList: true, subtree: true });`;
const TRANSFERRED = `performance.getEntriesByType('navigation').concat(
  performance.getEntriesByType('resource').filter(({ name }) => name.includes('/assets/')),
).reduce((sum, { transferSize }) => sum + transferSize, 0)`;
const OPENINGS = 5;
const MOST_TRANSFERRED = 150e3;

const PARTS: Record<string, Part> = {
  async opening({ browser, server }) {
    const times: number[] = [];
    let bytes = 0;
    for (let round = 0; round < OPENINGS; round++) {
      // A context has a cache of its own: each one begins with nothing.
      const context = await browser.newContext({ viewport: DESKTOP });
      const page = await context.newPage();
      await page.addInitScript(FIRST_ROW);
      await page.goto(server.url);
      await page.locator('.table-body .row a').first().waitFor();
      times.push(Number(await page.evaluate('window.firstRow')));
      bytes = Number(await page.evaluate(TRANSFERRED));
      await context.close();
    }
    times.sort((a, b) => a - b);
    const shown = times.map((ms) => ms.toFixed(0)).join(', ');
    console.log(`      its first row can be used after ${shown} ms`);
    check(bytes < MOST_TRANSFERRED, `it opens with ${(bytes / 1000).toFixed(0)} kB`);
  },

  async executions({ open, server }) {
    const tab = await open('/');
    const { page } = tab;
    const row = (words: string) => page.locator('.table-body .row', { hasText: words });
    await row('Compiling 214 modules').first().waitFor();
    check((await page.locator('.figure').count()) === 5, 'the strip has its figures');
    const { id } = await server.submit({ kind: 'shell', command: 'echo a new one; sleep 1' });
    await row('echo a new one').waitFor();
    check(true, 'what is submitted appears without a reload');
    await row('echo a new one').getByText('completed').waitFor();
    check(true, 'and its status changes');
    await page.hover('.table-body .row:nth-child(3)');
    await server.submit({ kind: 'shell', command: 'echo held back' });
    await page.getByRole('button', { name: '1 new execution' }).waitFor();
    check((await row('echo held back').count()) === 0, 'nothing moves while the pointer is in the list');
    await page.mouse.move(5, 5);
    await row('echo held back').waitFor();
    await page.getByRole('button', { name: 'failed', exact: true }).click();
    await page.waitForURL(/status=failed/);
    await page.getByLabel('Search by').fill('team=data');
    await page.keyboard.press('Enter');
    await page.waitForURL(/label=team%3Ddata/);
    await page.reload();
    await row('could not connect').first().waitFor();
    check((await row('Compiling').count()) === 0, 'filters are in the address, and survive a reload');
    await row('could not connect').first().getByRole('link').first().click();
    await page.waitForURL(/\/executions\//);
    await page.goBack();
    await page.waitForURL(/label=team/);
    await row('could not connect').first().waitFor();
    check(true, 'the back button leads back to the filtered list');
    await page.goto(`${server.url}/`);
    await page.getByLabel('Search by').fill('held back');
    await page.waitForURL(/q=held/);
    await until('one row is left', async () => (await page.locator('.table-body .row').count()) === 1);
    await page.keyboard.press('Escape');
    await page.keyboard.press('j');
    await page.keyboard.press('Enter');
    await page.waitForURL(/\/executions\//);
    check(true, 'j and Enter open a row');
    await page.goto(`${server.url}/?plot=1`);
    await page.locator('.scatter canvas').waitFor();
    await page.getByLabel('Select echo a new one').check();
    await page.getByRole('button', { name: 'Rerun 1' }).click();
    await page.getByText('1 execution run again').waitFor();
    check(
      (await server.call<{ items: { rerun_of: string }[] }>('GET', '/v1/executions?limit=1')).items[0]
        ?.rerun_of === id,
      'selected rows are run again',
    );
    await closed(tab, 'executions');
  },

  async execution({ open, shown }) {
    const tab = await open(`/executions/${shown.failed}`);
    const { page } = tab;
    check((await text(page, '.why')) === 'The command exited with code 1.', 'one sentence says why');
    check(
      (await text(page, '.last-words')).includes('expected 3 to equal 4'),
      'the last words of stderr are on top',
    );
    await page.getByText('progress 100%').first().waitFor();
    check(
      (await linesIn(page)).filter((line) => line.includes('progress')).length === 1,
      'a progress bar is one line',
    );
    check((await page.locator('.log-row .fg-red').count()) > 0, 'colours are shown');
    await page.locator('.log-scroll').hover();
    await page.mouse.wheel(0, -4000);
    await until('it has scrolled', async () => (await linesIn(page)).includes('== unit tests =='));
    await page.keyboard.press('e');
    await page.waitForURL(/#L/, { waitUntil: 'commit' }).catch(() => undefined);
    check(page.url().endsWith('#L123'), `e jumps to the first error: ${page.url().split('#')[1]}`);
    await page.getByLabel('Search in the log').fill('test 07');
    await page.getByText('10 lines').waitFor();
    check(true, 'a search counts its lines');
    await page.getByRole('tab', { name: 'Input' }).click();
    await page.getByText('After all defaults').waitFor();
    await page.getByRole('tab', { name: 'Events' }).click();
    await page.locator('.events').getByText('accepted').waitFor();
    await page.getByRole('tab', { name: 'Resources' }).click();
    await page.getByText('exit code 1').waitFor();
    await page.getByRole('button', { name: 'Edit and rerun' }).click();
    await page.waitForURL(/\/submit\?from=/);
    check(
      (await page.getByLabel('command').inputValue()).includes('unit tests'),
      'edit and rerun has the request',
    );
    await closed(tab, 'execution');
  },

  /** The server is stopped in the middle; what the page shows in the end is what the log has. */
  async follow({ browser }) {
    const env = {
      EXECUTION_DATA_DIR: join(scratch(), 'data'),
      EXECUTION_PORT: await freePort(),
      EXECUTION_DRAIN_SECS: '0',
    };
    let server = await startServer(env);
    const command = 'i=0; while :; do i=$((i+1)); echo "line $i"; [ $((i % 100)) = 0 ] && sleep 0.1; done';
    const { id } = await server.submit({
      kind: 'shell',
      command,
      retry_safe: true,
      retry: { attempts: 3, min_ms: 500, max_ms: 500 },
    });
    const tab = await openTab(browser, `${server.url}/executions/${id}`);
    const { page } = tab;
    await until('it shows a thousand lines', async () => (await shownLines(page)) > 1000);
    for (let restart = 0; restart < 2; restart++) {
      await server.stop();
      await page.getByText('reconnecting').waitFor();
      server = await startServer(env);
      await page.getByText('live', { exact: true }).waitFor();
      await until(
        'it runs again',
        async () => (await server.call<{ phase: string }>('GET', `/v1/executions/${id}`)).phase === 'running',
      );
    }
    check(true, 'the page says that it reconnects, and does');
    await new Promise((resolve) => setTimeout(resolve, 2000));
    await server.call('POST', `/v1/executions/${id}/cancel`, {});
    await server.finished(id);
    const log = await (await fetch(`${server.url}/v1/executions/${id}/logs`)).text();
    const expected = log.split('\n').length - 1;
    await page.getByText(`${expected.toLocaleString('en')} lines`).waitFor();
    check(true, `${expected} lines in three attempts over two restarts, none lost or doubled in number`);
    await page.evaluate('navigator.clipboard.writeText = async (text) => { window.copied = text; }');
    await page.getByRole('button', { name: 'Copy the log' }).click();
    const copied = await page.evaluate('window.copied').then(String);
    check(log.trimEnd().endsWith(copied.trimEnd()), 'and word for word');
    await closed(tab, 'follow');
    await server.stop();
  },

  async million({ open, server }) {
    const command = `seq -f 'line %.0f: the quick brown fox jumps over the lazy dog' 1 1000000`;
    const { id } = await server.submit({ kind: 'shell', command, output: { oversized: 'spool' } });
    await server.finished(id);
    const tab = await open(`/executions/${id}`);
    const { page } = tab;
    const begun = performance.now();
    await page.getByText('1,000,000 lines').waitFor({ timeout: 120_000 });
    console.log(`      all lines are there after ${((performance.now() - begun) / 1000).toFixed(1)} s`);
    await lineOf(page, 'line 1000000:').waitFor();
    const session = await page.context().newCDPSession(page);
    await session.send('HeapProfiler.collectGarbage');
    const heap = (await session.send('Runtime.getHeapUsage')) as unknown as Record<string, number>;
    const used = (heap.usedSize ?? 0) + (heap.embedderHeapUsedSize ?? 0) + (heap.backingStorageSize ?? 0);
    check(used < MOST_MEMORY, `its page holds ${megabytes(used)}`);
    const { nodes } = await session.send('Memory.getDOMCounters');
    check(nodes < MOST_NODES, `and ${nodes} nodes`);
    const frames = await page.evaluate<number[]>(`new Promise((resolve) => {
      const box = document.querySelector('.log-scroll'), times = []; let last = performance.now(), left = 120;
      const step = (now) => {
        times.push(now - last); last = now; box.scrollTop -= 3000;
        if (left-- > 0) requestAnimationFrame(step); else resolve(times.slice(1).sort((a, b) => a - b));
      };
      requestAnimationFrame(step);
    })`);
    const at = (part: number) => (frames[Math.floor(frames.length * part)] ?? 0).toFixed(0);
    console.log(`      frames while scrolling: median ${at(0.5)} ms, p95 ${at(0.95)} ms`);
    check(
      (await page.getByRole('button', { name: 'Follow', exact: true }).count()) +
        (await page.getByRole('button', { name: 'End' }).count()) ===
        1,
      'it does not follow after scrolling up',
    );
    await page.keyboard.press('g');
    await lineOf(page, 'line 1:').waitFor();
    await page.getByLabel('Search in the log').fill('line 77777');
    await page.getByText('11 lines').waitFor();
    await page.keyboard.press('Enter');
    await lineOf(page, 'line 77777:').waitFor();
    check(true, 'a search over all lines finds its lines');
    await page.goto(`${server.url}/executions/${id}#L500000`);
    await page.reload();
    await page.locator('.log-row.is-marked', { hasText: 'line 500000:' }).waitFor();
    check(true, 'a link to a line in the middle leads there');
    await page.getByRole('button', { name: 'Wrap long lines' }).click();
    await page.locator('.log-scroll').hover();
    const before = (await linesIn(page))[20];
    await page.mouse.wheel(0, 300);
    await until('it has scrolled', async () => (await linesIn(page))[20] !== before);
    check(/line 5000\d\d:/.test((await linesIn(page))[20] ?? ''), 'and the wheel moves by lines there');
    await closed(tab, 'million');
  },

  async hostile({ open, server }) {
    const source = `
      process.stdout.write('<script>window.harmed = 1</script><img src=x onerror="window.harmed = 1">\\n');
      process.stdout.write('\\x1b]8;;javascript:window.harmed=1\\x07click\\x1b]8;;\\x07\\n\\x1b]52;c;aGFybQ==\\x07\\x1b]0;title\\x07\\n');
      process.stdout.write('\\x1b[2J\\x1b[?1049h\\x1bPq#0\\x1b\\\\ after \\x1b[999999999m end\\n\\u202eabc\\u2028def\\n');
      process.stdout.write(Buffer.from([0xff, 0xfe, 0xc3, 0x28, 0x0a, 0x00, 0x08, 0x0a]));
      process.stdout.write('x'.repeat(50e6));
      process.stdout.write('\\nlast line\\n');`;
    const { id } = await server.submit({
      kind: 'script',
      interpreter: process.execPath,
      source,
      output: { oversized: 'spool' },
    });
    await server.finished(id);
    const tab = await open(`/executions/${id}`);
    const { page } = tab;
    await page.getByText('last line').first().waitFor();
    await page.locator('.log-scroll').focus();
    await page.keyboard.press('g');
    await page.getByText('<script>window.harmed').first().waitFor();
    check((await page.evaluate('window.harmed')) === undefined, 'nothing of it runs');
    check(
      (await page.locator('.log-text :is(a, img, script)').count()) === 0,
      'and nothing of it becomes markup',
    );
    const [first = '', link = '', , cleared = ''] = await linesIn(page);
    check(
      first.startsWith('<script>') && link === 'click' && cleared === ' after  end',
      'sequences are taken out',
    );
    await page.getByRole('button', { name: 'Wrap long lines' }).click();
    await page.keyboard.press('G');
    await page.getByText('last line').first().waitFor();
    check(true, 'a line of 50 MB is no burden');
    await closed(tab, 'hostile');
  },

  async cancel({ open, server }) {
    const command = "trap 'echo not yet' TERM; echo ready; while :; do sleep 0.1; done";
    const { id } = await server.submit({ kind: 'shell', command, stop: { grace_ms: 4000 } });
    const tab = await open(`/executions/${id}`);
    const { page } = tab;
    await page.getByText('ready', { exact: true }).waitFor();
    await page.getByRole('button', { name: 'Cancel', exact: true }).click();
    await page.getByLabel('Reason').fill('a test');
    await page.getByRole('button', { name: 'Cancel it' }).click();
    await page.locator('.cancel-phases .is-now', { hasText: 'Grace' }).waitFor();
    check(true, 'the grace is counted down');
    await page.locator('.cancel-phases', { hasText: 'proven' }).waitFor();
    const phases = await text(page, '.cancel-phases');
    check(
      phases.includes('a test') && /SIGKILL\s*\d/.test(phases),
      `its phases are shown: ${phases.replaceAll(/\s+/g, ' ')}`,
    );
    await page.locator('.top .status', { hasText: 'cancelled' }).waitFor();
    await closed(tab, 'cancel');
  },

  async plan({ open, server, shown }) {
    const tab = await open(`/plans/${shown.plan}`);
    const { page } = tab;
    await page.locator('.step-card').first().waitFor();
    check((await page.locator('.step-card').count()) === PLAN.steps.length, 'each step is in the graph');
    check((await page.locator('.gantt-row').count()) === PLAN.steps.length, 'and in the line of time');
    await page.locator('.step-panel', { hasText: 'the button was not found' }).waitFor();
    check((await page.locator('.gantt-run.is-critical').count()) > 1, 'the critical path is marked');
    await page.locator('.step-card', { hasText: 'unit' }).click();
    await page.locator('.step-panel', { hasText: '412 passed' }).waitFor();
    check(page.url().includes('step=unit'), 'a click shows the log of a step');
    await page.getByRole('button', { name: 'Failed only' }).click();
    await until('one is left', async () => (await page.locator('.gantt-row').count()) === 1);
    await page.getByRole('button', { name: 'Redrive' }).click();
    await page.getByText('redrive of').waitFor();
    check(
      (await page.locator('.step-more', { hasText: 'kept' }).count()) > 2,
      'a redrive keeps what has completed',
    );
    const steps = Array.from({ length: 1000 }, (_, i) => ({
      ...{ name: `s${i}`, kind: 'exec', program: '/bin/true' },
      ...(i >= 50 && { depends_on: [`s${i - 50}`] }),
    }));
    const { id } = await server.call<{ id: string }>('POST', '/v1/plans', {
      strategy: { type: 'dependency_graph' },
      steps,
    });
    const begun = performance.now();
    await page.goto(`${server.url}/plans/${id}`);
    await page.locator('.gantt-row').first().waitFor();
    console.log(
      `      a plan of 1,000 steps is there after ${((performance.now() - begun) / 1000).toFixed(1)} s`,
    );
    await page.locator('.top .status', { hasText: 'completed' }).waitFor({ timeout: 180_000 });
    const drawn = await page.locator('.gantt-row').count();
    check(drawn < 60, `its line of time has ${drawn} rows in the page`);
    await closed(tab, 'plan');
  },

  async halfway({ open, server, shown }) {
    const tab = await open(`/plans/${shown.halfway}`);
    const { page } = tab;
    await page.locator('.step-card', { hasText: 'thumbnails' }).getByText('75 %').waitFor();
    await page.locator('.step-card', { hasText: 'load' }).getByText('42 %').waitFor();
    check(true, 'steps show how far they are');
    if (shown.refused !== null) {
      await page.goto(`${server.url}/executions/${shown.refused}?tab=resources`);
      const notice = await text(page, '.top .notice');
      check(
        notice === 'The sandbox could not reach telemetry.example.com:443 (not in network.allow).',
        `a refused host is named: ${notice}`,
      );
      check(
        (await text(page, '.attempt:has-text("telemetry.example.com")')).includes('0 connections'),
        'and what the sandbox reached',
      );
    }
    await closed(tab, 'halfway');
  },

  async submit({ open }) {
    const tab = await open('/submit');
    const { page } = tab;
    await page.getByText('It would be accepted').waitFor();
    await page.getByLabel('command').fill('echo from the form');
    await page.getByText('More:').click();
    await page.getByLabel('priority').fill('999999');
    await page.getByText('/priority').waitFor();
    check(true, 'a dry run names the field that is wrong');
    await page.getByLabel('priority').fill('');
    await page.getByText('It would be accepted').waitFor();
    await page.getByRole('button', { name: 'JSON' }).click();
    await page.getByLabel('Request as JSON').fill('{"kind": "shell",\n  "command": }');
    await page.getByText(/^Line 2, column/).waitFor();
    check(true, 'text that is not JSON is named by line and column');
    await page.getByLabel('Request as JSON').fill('{"kind": "shell", "command": "echo from the editor"}');
    await page.getByRole('button', { name: 'Run it' }).click();
    await page.waitForURL(/\/executions\//);
    await page.locator('.log-text', { hasText: 'from the editor' }).waitFor();
    await closed(tab, 'submit');
  },

  async system({ open }) {
    const tab = await open('/system');
    const { page } = tab;
    await page.locator('.plot canvas').first().waitFor();
    check((await page.locator('.plot').count()) === 6, 'figures are plotted');
    for (const [name, word] of [
      ['Cache', 'Hit ratio'],
      ['Circuits', 'No circuit has been used'],
      ['Credits', 'EXECUTION_CREDITS_FILE'],
      ['Audit log', 'POST /v1/executions'],
      ['Settings', 'EXECUTION_MAX_CONCURRENT'],
    ] as const) {
      await page.getByRole('tab', { name }).click();
      await page.locator('.tab-panel', { hasText: word }).waitFor();
    }
    check(true, 'each tab has its content');
    await closed(tab, 'system');
  },

  async login({ browser }) {
    const dir = scratch();
    const keyOf = (id: string, scopes: string[]) => {
      const key = `ek_${id}_${'a'.repeat(43)}`;
      const sha256 = createHash('sha256').update(key).digest('hex');
      return { key, entry: { id, sha256, user: 'ann', scopes, may_run: 'any' } };
    };
    const [all, reader] = [keyOf('all', ['submit', 'read', 'cancel', 'admin']), keyOf('reader', ['read'])];
    const file = join(dir, 'keys.json');
    writeFileSync(file, JSON.stringify({ keys: [all.entry, reader.entry] }), { mode: 0o600 });
    const server = await startServer({
      EXECUTION_DATA_DIR: join(dir, 'data'),
      EXECUTION_PORT: await freePort(),
      EXECUTION_API_KEYS_FILE: file,
    });
    const headers = { authorization: `Bearer ${all.key}` };
    await server.call('POST', '/v1/executions', { kind: 'shell', command: 'sleep 300' }, headers);
    const tab = await openTab(browser, server.url);
    const { page } = tab;
    const login = async (key: string) => {
      await page.getByLabel('API key or token').fill(key);
      await page.getByRole('button', { name: 'Log in' }).click();
    };
    await login('ek_nobody_wrong');
    await page.getByRole('alert').waitFor();
    check(true, 'a wrong key is named');
    await login(reader.key);
    await page.getByRole('link', { name: 'sleep 300' }).click();
    await page.locator('.top .status', { hasText: 'running' }).waitFor();
    const offered = await page.getByRole('button', { name: /^(Cancel|Extend|Rerun)/ }).count();
    check(
      offered === 0 && (await page.getByRole('link', { name: 'Submit' }).count()) === 0,
      'a key that reads is offered to read',
    );
    check(
      (await page.evaluate('localStorage.length + document.cookie.length')) === 0,
      'the key is in no lasting place',
    );
    await page.reload();
    await page.locator('.top .status', { hasText: 'running' }).waitFor();
    await page.getByRole('button', { name: 'Log out' }).click();
    await login(all.key);
    await page.getByRole('button', { name: 'Cancel', exact: true }).waitFor();
    const tty = {
      kind: 'shell',
      tty: { cols: 80, rows: 24 },
      command: 'echo "the key came along"; sleep 300',
    };
    const { id } = await server.call<{ id: string }>('POST', '/v1/executions', tty, headers);
    await page.goto(`${server.url}/executions/${id}`);
    await page.locator('.xterm-rows').getByText('the key came along').waitFor();
    check(true, 'a terminal is attached with the key');
    await closed(tab, 'login');
    await server.kill();
  },

  async sizes({ open, shown }) {
    for (const { path, ready } of pagesOf(shown)) {
      const tab = await open(path, { viewport: PHONE, hasTouch: true, isMobile: true });
      await tab.page.locator(ready).first().waitFor();
      const wide = await tab.page.evaluate<number>('document.scrollingElement.scrollWidth');
      check(wide <= PHONE.width, `${path} fits a phone: ${wide} px`);
      await closed(tab, path);
    }
  },

  /** What follows shows its end, also on a phone, where the page scrolls and the log does, too. */
  async phone({ open, shown }) {
    const tab = await open(`/executions/${shown.failed}`, {
      viewport: PHONE,
      hasTouch: true,
      isMobile: true,
    });
    await lineOf(tab.page, 'at add (src/add.ts').waitFor();
    const rows = await tab.page.locator('.log-row').count();
    check(rows < 100, `of 124 lines, those that fit a phone are drawn: ${rows}`);
    await closed(tab, 'phone');
    const chosen = await open('/system?tab=settings', { viewport: PHONE });
    await chosen.page.locator('tbody tr').first().waitFor();
    for (const role of ['tab', 'link'] as const) {
      const name = role === 'tab' ? 'Settings' : 'System';
      const box = await chosen.page.getByRole(role, { name, exact: true }).boundingBox();
      const [left, right] = [box?.x ?? -1, (box?.x ?? 0) + (box?.width ?? 0)];
      check(left >= 0 && right <= PHONE.width, `what is chosen is in view: ${name}`);
    }
    await closed(chosen, 'chosen');
  },

  ...AXE_PARTS,
  // Last: they decide what the screens above have to show.
  ...LATER_PARTS,
  ...SYSTEM_PARTS,
};

const browser = await openBrowser();
if (browser === null) {
  console.log('skipped: there is no Chromium (apt-get install chromium, or set CHROMIUM to its path)');
  console.log('0 passed, 0 failed');
} else {
  const server = await startServer({
    EXECUTION_DATA_DIR: join(scratch(), 'data'),
    EXECUTION_PORT: await freePort(),
    EXECUTION_MAX_CONCURRENT: '8',
    EXECUTION_SANDBOX_NETWORK: NETWORK,
  });
  const shown = await fill(server);
  const open: World['open'] = (path, options) => openTab(browser, server.url + path, options);
  for (const [name, part] of Object.entries(PARTS)) {
    if (wanted.length > 0 && !wanted.includes(name)) continue;
    console.log(name);
    await part({ browser, server, shown, open }).catch((error: unknown) =>
      check(false, `${name}: ${(error as Error).message}`),
    );
  }
  await browser.close();
  await server.kill();
  finish();
  // A part that has failed leaves its own servers: they end with this process.
  process.exit();
}
