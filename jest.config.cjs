/** Tests run the TypeScript sources; child processes that they start run what `npm run build` made (pretest). */
module.exports = {
  testEnvironment: 'node',
  testMatch: ['<rootDir>/test/**/*.test.ts'],
  moduleNameMapper: { '^thence$': '<rootDir>/src/index.ts', '^thence/testing$': '<rootDir>/src/testing/index.ts' },
  modulePathIgnorePatterns: ['<rootDir>/dist/', '<rootDir>/test/tmp/'],
  transform: {
    '^.+\\.tsx?$': [
      '@swc/jest',
      {
        jsc: { target: 'es2022', parser: { syntax: 'typescript' } },
        sourceMaps: 'inline',
        module: { type: 'commonjs', ignoreDynamic: true, exportInteropAnnotation: true },
      },
    ],
  },
  globalTeardown: '<rootDir>/test/support/global-teardown.ts',
  testTimeout: 60_000,
  maxWorkers: 2,
};
