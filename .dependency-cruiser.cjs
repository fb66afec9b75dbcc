// Who may import whom. Each room may import itself and what stands here, nothing else.
const room = (name, allowed, comment) => ({
  name: `${name}-imports`,
  comment,
  severity: 'error',
  from: { path: `^src/${name}/` },
  to: { path: '^src/', pathNot: [`^src/${name}/`, ...allowed] },
});

module.exports = {
  forbidden: [
    { name: 'no-cycles', severity: 'error', from: {}, to: { circular: true } },
    {
      name: 'domain-is-pure',
      comment: 'Words and rules: no I/O, no Node built-in, no package but zod.',
      severity: 'error',
      from: { path: '^src/domain/' },
      to: { pathNot: ['^src/domain/', '^node_modules/zod/'] },
    },
    room('engine', ['^src/domain/'], 'The engine decides; the world is handed to it through ports.'),
    room('expressions', ['^src/domain/'], 'Conditions know what the domain asks of them.'),
    room('store', ['^src/domain/'], 'A store knows the domain only.'),
    room('access', ['^src/domain/'], 'Who calls: keys and tokens.'),
    room('observe', ['^src/domain/'], 'Observers listen and never speak back.'),
    room('webhooks', ['^src/domain/'], 'Webhooks listen; what they send and store is handed to them.'),
    room(
      'journal',
      ['^src/domain/', '^src/runner-host/journal-format\\.ts$'],
      'A reader shares the format with the host.',
    ),
    room(
      'runners',
      ['^src/domain/', '^src/runner-host/(protocol|journal-format|journal-writer|redactor)\\.ts$'],
      'A runner shares the protocol with the host; requests, which have no host, write their journal themselves.',
    ),
    room('runner-host', [], 'The host imports nothing of the server: it must stay small.'),
    room(
      'http',
      ['^src/domain/', '^src/engine/engine\\.ts$'],
      'HTTP translates; it sees the engine as a type.',
    ),
    room('client', [], 'The client is what others install: it knows the HTTP API only.'),
    {
      name: 'client-runs-everywhere',
      comment: 'In browsers, Deno and Bun, too.',
      severity: 'error',
      from: { path: '^src/client/' },
      to: { dependencyTypes: ['core'] },
    },
    room(
      'cli',
      ['^src/client/', '^src/(main|keys|version)\\.ts$'],
      'The command line speaks to the HTTP API through the client.',
    ),
    {
      name: 'cli-loads-programs-when-they-are-run',
      severity: 'error',
      from: { path: '^src/cli/' },
      to: { path: '^src/(main|keys)\\.ts$', dependencyTypesNot: ['dynamic-import'] },
    },
    {
      name: 'http-sees-the-engine-as-a-type',
      severity: 'error',
      from: { path: '^src/http/' },
      to: { path: '^src/engine/', dependencyTypesNot: ['type-only'] },
    },
    {
      name: 'app-is-the-root',
      comment: 'Only main.ts imports the composition root.',
      severity: 'error',
      from: { path: '^src/', pathNot: '^src/main\\.ts$' },
      to: { path: '^src/app\\.ts$' },
    },
    {
      name: 'prometheus-in-one-file',
      severity: 'error',
      from: { path: '^src/', pathNot: '^src/observe/metrics\\.ts$' },
      to: { path: '^node_modules/prom-client/' },
    },
    {
      name: 'cel-in-one-room',
      severity: 'error',
      from: { path: '^src/', pathNot: '^src/expressions/' },
      to: { path: '^node_modules/@marcbachmann/cel-js/' },
    },
    {
      name: 'no-development-packages',
      severity: 'error',
      from: { path: '^src/' },
      to: { dependencyTypes: ['npm-dev', 'npm-no-pkg', 'npm-unknown'] },
    },
  ],
  options: {
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.json' },
    doNotFollow: { path: 'node_modules' },
    enhancedResolveOptions: {
      exportsFields: ['exports'],
      conditionNames: ['import', 'require', 'node', 'default', 'types'],
    },
  },
};
