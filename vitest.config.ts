import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    testTimeout: 180_000,
    hookTimeout: 300_000,
    pool: 'forks',
    // Half of the time goes to waiting for disks, servers and clocks; each test has directories and ports of its own.
    poolOptions: { forks: { minForks: 1, maxForks: 2 } },
  },
});
