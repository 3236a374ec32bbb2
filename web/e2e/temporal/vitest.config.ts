import { defineConfig } from 'vitest/config'

// Temporal's own Web UI before a Scratch. The Go tests of deploy/ start both and
// run this.
export default defineConfig({
  test: {
    include: ['e2e/temporal/*.test.ts'],
    testTimeout: 120_000,
    environment: 'node',
  },
})
