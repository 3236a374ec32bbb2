import { fileURLToPath } from 'node:url'
import { defineConfig } from 'vitest/config'

export default defineConfig({
  resolve: { alias: { '@': fileURLToPath(new URL('./src', import.meta.url)) } },
  test: {
    include: ['src/**/*.test.ts'],
    sequence: { shuffle: true },
    environment: 'node',
    // Property tests on a machine that does other things too.
    testTimeout: 30_000,
  },
})
