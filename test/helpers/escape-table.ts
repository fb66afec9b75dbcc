// The table of docs/operate/isolation.md that says what gets away from a cancel: read, and written (npm run generate:escapes).
import { readFileSync, writeFileSync } from 'node:fs';
import t from 'tap';
import { escapes, whatGetsAway } from './escapes.ts';
import type { TierUnderTest } from './host-contract.ts';
import { TIERS_UNDER_TEST, whyNot } from './tiers.ts';

const BEGIN = '<!-- begin escapes -->\n';
const END = '<!-- end escapes -->';
const COLUMNS = ['none', 'supervised', 'uid', 'sandbox'] as const;
const NOTHING = 'nothing';
const LIVES = '**it lives on**';

const NODE = [process.execPath, 'src/runner-host/node/main.ts'] as const;
const NATIVE = ['build/runner-host'] as const;

/** By column: whether something of each escape gets away. */
type Table = ReadonlyMap<string, ReadonlyMap<string, boolean>>;

/** Every tier, with a host that serves it, and why it cannot be tried here. */
export const ESCAPE_TIERS = Object.entries<TierUnderTest>(TIERS_UNDER_TEST).map(([name, tier]) => ({
  name,
  command: name === 'none' ? NODE : NATIVE,
  tier,
  column: tier.isolation,
  whyNot: name === 'none' ? null : whyNot(name),
}));

export function tableOf(text: string): Table {
  const [, rest = ''] = text.split(BEGIN);
  const [, , ...rows] = (rest.split(END)[0] ?? '').trim().split('\n');
  const cells = rows.map((row) => row.split('|').map((cell) => cell.trim()));
  return new Map(
    COLUMNS.map((column, i) => [column, new Map(cells.map((row) => [row[1] ?? '', row[i + 2] === LIVES]))]),
  );
}

export function escapeTable(table: Table): string {
  const rows = escapes(0).map(([name]) =>
    [
      '',
      name,
      ...COLUMNS.map((column) => (table.get(column)?.get(name) === true ? LIVES : NOTHING)),
      '',
    ].join(' | '),
  );
  const head = ['', 'the command leaves', ...COLUMNS.map((column) => `\`${column}\``), ''].join(' | ');
  return [head, ['', '---', ...COLUMNS.map(() => '---'), ''].join(' | '), ...rows]
    .map((row) => row.trim())
    .join('\n');
}

if (import.meta.main) {
  t.test('the table', async (t) => {
    const table = new Map<string, Map<string, boolean>>();
    for (const { name, command, tier, column, whyNot } of ESCAPE_TIERS) {
      if (whyNot !== null) throw new Error(`the tier ${name} cannot be tried: ${whyNot}`);
      const found = await whatGetsAway(t, command, tier);
      const before = table.get(column);
      table.set(
        column,
        new Map(found.map(({ name, gotAway }) => [name, gotAway || before?.get(name) === true])),
      );
    }
    const text = readFileSync('docs/operate/isolation.md', 'utf8');
    const [head = '', rest = ''] = text.split(BEGIN);
    writeFileSync(
      'docs/operate/isolation.md',
      `${head}${BEGIN}\n${escapeTable(table)}\n\n${END}${rest.split(END)[1]}`,
    );
    t.pass('written');
  });
}
