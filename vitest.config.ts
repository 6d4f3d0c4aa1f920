import { defineConfig } from 'vitest/config';

export default defineConfig({
  resolve: { conditions: ['source'] },
  ssr: { resolve: { conditions: ['source', 'node', 'default'] } },
  test: {
    include: ['{apps,libs,test}/**/*.spec.ts'],
    exclude: ['**/node_modules/**', 'dist/**'],
    pool: 'forks',
    // More than a small machine has cores, as most tests wait for servers far more than they compute.
    maxWorkers: 3,
    maxConcurrency: 6,
    testTimeout: 30_000,
    hookTimeout: 150_000,
    // What is waited for comes when it comes: a bound for what never does, not a timing.
    expect: { poll: { timeout: 20_000 } },
  },
});
