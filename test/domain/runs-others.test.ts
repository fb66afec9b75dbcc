import t from 'tap';
import { policyFile } from '../../src/domain/access/access-rules.ts';
import { runsOthers } from '../../src/domain/access/runs-others.ts';

t.test('a template whose commands are in a sandbox is not as good as a shell of the server', async (t) => {
  const python = { program: '/usr/bin/python3', args: 'any' };
  const definition = policyFile.parse({
    templates: {
      open: python,
      closed: { ...python, isolation: 'sandbox' },
      user: { ...python, isolation: 'uid' },
    },
  });
  t.same(
    runsOthers(definition).map(({ path }) => path),
    ['templates.open', 'templates.user'],
  );
});
