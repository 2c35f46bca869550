// Type-aware lint, and the directions in which the rooms may import one another (ARCHITECTURE.md, "Rooms").
import tseslint from 'typescript-eslint';
import prettier from 'eslint-config-prettier';

/** files → the folders that they may not import, and why. Paths are matched against the import as written. */
const room = (files, banned, why) => ({
  files,
  rules: {
    'no-restricted-imports': ['error', { patterns: [{ regex: `^(\\.\\./)+(${banned})(/|$)`, message: why }] }],
  },
});

const outside =
  'dag|dag-processor|ledger|db|engine|scheduler|triggerer|user-code|runner|execution-api|commands|read-model|logs|auth|config|telemetry|service|cli|executors|webserver|operators|migrations|app|processes|test';

export default tseslint.config(
  { ignores: ['dist/**', 'node_modules/**', 'webserver/public/**', '**/fixtures/**', 'coverage/**', 'test/tmp/**', '.thence/**'] },
  ...tseslint.configs.recommendedTypeChecked.map((config) => ({ ...config, files: ['**/*.ts'] })),
  {
    files: ['**/*.ts'],
    languageOptions: { parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname } },
    rules: {
      '@typescript-eslint/no-floating-promises': 'error',
      '@typescript-eslint/switch-exhaustiveness-check': ['error', { considerDefaultExhaustiveForUnions: true }],
      '@typescript-eslint/no-unused-vars': ['error', { argsIgnorePattern: '^_', varsIgnorePattern: '^_', caughtErrors: 'none' }],
      '@typescript-eslint/consistent-type-imports': ['error', { fixStyle: 'separate-type-imports', disallowTypeAnnotations: false }],
      '@typescript-eslint/no-unsafe-assignment': 'off',
      '@typescript-eslint/no-unsafe-member-access': 'off',
      '@typescript-eslint/no-unsafe-argument': 'off',
      '@typescript-eslint/no-unsafe-return': 'off',
      '@typescript-eslint/no-unsafe-call': 'off',
      '@typescript-eslint/require-await': 'off',
      '@typescript-eslint/no-empty-object-type': 'off',
      '@typescript-eslint/no-unsafe-declaration-merging': 'off',
      '@typescript-eslint/restrict-template-expressions': ['error', { allowNumber: true, allowBoolean: true }],
      'no-restricted-properties': [
        'error',
        { object: 'process', property: 'env', message: 'Only src/config reads the environment; take a Config.' },
      ],
      'no-warning-comments': ['error', { terms: ['todo', 'fixme', 'xxx', 'hack'] }],
      eqeqeq: ['error', 'always'],
    },
  },
  {
    files: ['src/config/**', 'src/user-code/**', 'src/runner/**', 'operators/**', 'executors/**', 'test/**', 'bench/**', 'dags/**'],
    rules: { 'no-restricted-properties': 'off' },
  },
  room(
    ['src/core/**', 'src/timetables/**', 'src/dag-spec/**'],
    outside,
    'core, timetables and dag-spec are pure values and rules: they import nothing above them.',
  ),
  room(
    ['operators/**'],
    '(src/)?(scheduler|ledger|db|engine|commands|read-model)|executors|webserver',
    'Operators are user-side code: they reach the engine only through the context.',
  ),
  room(
    ['src/runner/**', 'src/user-code/**', 'executors/**'],
    '(src/)?(ledger|db|scheduler|engine|commands|read-model)|webserver',
    'What runs user code has no database; it speaks the ExecutionApi.',
  ),
  room(
    ['src/triggerer/**'],
    '(src/)?(scheduler|engine|dag|dag-processor|commands|read-model)|operators|executors|webserver',
    'A triggerer looks and waits; what follows is decided by schedulers, and user code runs in its hosts.',
  ),
  room(
    ['src/scheduler/**', 'src/engine/**'],
    'user-code|runner|dag|operators|webserver|executors/(?!executor$).*',
    'The scheduler imports no user code and no concrete executor.',
  ),
  room(
    ['src/secrets/**'],
    '(src/)?(scheduler|engine|user-code|runner|dag|triggerer)|operators|executors|webserver',
    'Where secrets come from knows nothing of those who ask.',
  ),
  room(
    ['src/connections/**'],
    '(src/)?(ledger|db|scheduler|engine|commands|read-model|user-code|dag|triggerer)|operators|executors|webserver',
    'A connection is used where user code runs: without the database, below whoever uses it.',
  ),
  room(
    ['webserver/**'],
    '(src/)?(scheduler|dag-processor|engine|user-code|runner)|executors',
    'Pages read through the read-model and write through commands.',
  ),
  { files: ['test/**', 'bench/**'], rules: { '@typescript-eslint/unbound-method': 'off' } },
  prettier,
);
