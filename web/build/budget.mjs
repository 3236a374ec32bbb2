// Fails the build when the page grew past its budget: what a browser loads
// before the first view, gzipped as the server sends it.
import { readFileSync } from 'node:fs'
import { gzipSync } from 'node:zlib'

const budgets = { js: 160 * 1024, css: 40 * 1024 }

const dist = new URL('../dist/app/', import.meta.url)
const manifest = JSON.parse(readFileSync(new URL('.vite/manifest.json', dist), 'utf8'))
const packed = name => gzipSync(readFileSync(new URL(name, dist)), { level: 9 }).length

// The entry, which holds the home view, and what it imports.
const first = new Set()
const css = new Set()
const visit = key => {
  if (first.has(key)) return
  first.add(key)
  for (const sheet of manifest[key].css ?? []) css.add(sheet)
  for (const next of manifest[key].imports ?? []) visit(next)
}
for (const [key, chunk] of Object.entries(manifest)) if (chunk.isEntry) visit(key)

const sizes = {
  js: [...first].reduce((sum, key) => sum + packed(manifest[key].file), 0),
  css: [...css].reduce((sum, name) => sum + packed(name), 0),
}
let over = false
for (const [kind, size] of Object.entries(sizes)) {
  const line = `first load, ${kind} gz: ${(size / 1024).toFixed(1)} KB of ${budgets[kind] / 1024} KB`
  if (size > budgets[kind]) over = true
  process.stdout.write(`${line}${size > budgets[kind] ? ' (over budget)' : ''}\n`)
}
if (over) process.exit(1)
