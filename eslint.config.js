import eslint from '@eslint/js';
import tseslint from 'typescript-eslint';

const timers = ['setTimeout', 'setInterval', 'setImmediate'].map((name) => ({
  name,
  message: 'Time comes from the Clock that is handed in.',
}));
const dateNow = { object: 'Date', property: 'now', message: 'Time comes from the Clock that is handed in.' };
const signalTimeout = {
  object: 'AbortSignal',
  property: 'timeout',
  message: 'Use clock.sleep with a signal.',
};
const processGlobal = {
  name: 'process',
  message: 'Only programs (main.ts, keys.ts, import/main.ts) touch the process.',
};

export default tseslint.config(
  {
    ignores: [
      'dist/',
      'build/',
      'data/',
      'node_modules/',
      '.tap/',
      'test/clients/',
      '.dependency-cruiser.cjs',
    ],
  },
  eslint.configs.recommended,
  ...tseslint.configs.strictTypeChecked,
  ...tseslint.configs.stylisticTypeChecked,
  {
    languageOptions: {
      parserOptions: {
        projectService: { allowDefaultProject: ['eslint.config.js', 'scripts/launch.js'] },
        tsconfigRootDir: import.meta.dirname,
      },
    },
    rules: {
      '@typescript-eslint/no-unused-vars': ['error', { argsIgnorePattern: '^_', varsIgnorePattern: '^_' }],
      '@typescript-eslint/restrict-template-expressions': [
        'error',
        { allowNumber: true, allowNever: true, allowNullish: true },
      ],
      // An answer is awaited where it is needed; a function may be async for its signature alone.
      '@typescript-eslint/require-await': 'off',
      // Arrays are indexed with numbers that are known to be in range; noUncheckedIndexedAccess asks for the assertion.
      '@typescript-eslint/non-nullable-type-assertion-style': 'off',
      '@typescript-eslint/no-confusing-void-expression': 'off',
      '@typescript-eslint/unified-signatures': 'off',
      '@typescript-eslint/prefer-promise-reject-errors': 'off',
      '@typescript-eslint/only-throw-error': 'off',
      'no-restricted-imports': ['error', { paths: ['node:timers/promises', 'timers/promises'] }],
    },
  },
  {
    files: ['src/**/*.ts'],
    ignores: ['src/clock.ts', 'src/runner-host/**'],
    rules: {
      'no-restricted-globals': ['error', ...timers],
      'no-restricted-properties': ['error', dateNow, signalTimeout],
    },
  },
  {
    files: ['src/**/*.ts'],
    ignores: ['src/main.ts', 'src/keys.ts', 'src/import/main.ts', 'src/clock.ts', 'src/runner-host/**'],
    rules: { 'no-restricted-globals': ['error', ...timers, processGlobal] },
  },
  {
    files: ['test/**/*.ts'],
    rules: {
      // Tests of one file run one after the other without being awaited.
      '@typescript-eslint/no-floating-promises': [
        'error',
        {
          allowForKnownSafePromises: [
            { from: 'package', name: 'PromiseWithSubtest', package: '@tapjs/core' },
          ],
        },
      ],
      '@typescript-eslint/unbound-method': 'off',
    },
  },
  {
    files: ['eslint.config.js', 'scripts/launch.js'],
    ...tseslint.configs.disableTypeChecked,
    languageOptions: { globals: { process: 'readonly', console: 'readonly', URL: 'readonly' } },
  },
);
