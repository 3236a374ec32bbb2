import { fileURLToPath } from 'node:url'
import react from '@vitejs/plugin-react'
import { defineConfig } from 'vite'

// Where the Go server listens while the page is developed with `npm run dev`.
const server = process.env.SCRATCH_URL ?? 'http://127.0.0.1:3010'

export default defineConfig({
  plugins: [react()],
  resolve: { alias: { '@': fileURLToPath(new URL('./src', import.meta.url)) } },
  // The Go server replaces the placeholder in every response; it is spelled
  // again in web/handler.go.
  html: { cspNonce: '__SCRATCH_CSP_NONCE__' },
  build: {
    // dist/index.html is the committed note of a binary without a page.
    outDir: 'dist/app',
    emptyOutDir: true,
    target: 'es2022',
    // A lower target rewrites light-dark() so that colours vanish.
    cssTarget: ['chrome123', 'firefox120', 'safari17.5'],
    // Data URLs would be inline code under the content security policy.
    assetsInlineLimit: 0,
    manifest: true,
    modulePreload: { polyfill: false },
  },
  server: {
    proxy: {
      '/api': { target: server, changeOrigin: true, ws: true },
      '/auth': { target: server, changeOrigin: true },
    },
  },
})
