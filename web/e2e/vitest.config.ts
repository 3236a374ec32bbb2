import { defineConfig } from 'vitest/config'

// One server and one data folder for all: the files run one after the other.
export default defineConfig({
  test: {
    include: ['e2e/*.test.ts'],
    globalSetup: ['e2e/server.ts'],
    fileParallelism: false,
    testTimeout: 90_000,
    hookTimeout: 60_000,
    environment: 'node',
  },
})
