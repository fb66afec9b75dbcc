// What gets away from a cancel at each isolation tier: the table of docs/operate/isolation.md, cell by cell.
import { readFileSync } from 'node:fs';
import t from 'tap';
import { ESCAPE_TIERS, escapeTable, tableOf } from '../helpers/escape-table.ts';
import { isLongRun } from '../helpers/rounds.ts';
import { whatGetsAway } from '../helpers/escapes.ts';

const table = tableOf(readFileSync('docs/operate/isolation.md', 'utf8'));

for (const { name, command, tier, column, whyNot } of isLongRun ? ESCAPE_TIERS : []) {
  t.test(`the escapes at the tier ${name} end as docs/operate/isolation.md says`, async (t) => {
    if (whyNot !== null) return void t.pass(`not tried: ${whyNot}`);
    const found = await whatGetsAway(t, command, tier);
    t.same(
      found.map(({ name, gotAway }) => [name, gotAway]),
      [...(table.get(column) ?? [])],
    );
  });
}

t.test('the table is written as its producer writes it', async (t) => {
  t.ok(readFileSync('docs/operate/isolation.md', 'utf8').includes(escapeTable(table)));
});
