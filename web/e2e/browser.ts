/** A real Chromium before the server, signed in. */

import {
  type Browser,
  type BrowserContext,
  type BrowserContextOptions,
  chromium,
  type Page,
} from 'playwright-core'
import { expect, inject } from 'vitest'
import { chromiumFlags } from './server'

const server = inject('server')
let browser: Browser | undefined

async function launched(): Promise<Browser> {
  browser ??= await chromium.launch({ executablePath: server.chromium, args: chromiumFlags })
  return browser
}

/** A context, and what went wrong in its pages, whether or not a test looked there. */
export interface Watched {
  readonly context: BrowserContext
  readonly troubles: string[]
  open(path: string): Promise<Page>
}

/** A signed-in browser context that notes every script error and every violation of the policy. */
export async function newContext(options: BrowserContextOptions = {}): Promise<Watched> {
  const context = await (await launched()).newContext({
    baseURL: server.url,
    viewport: { width: 1280, height: 800 },
    permissions: ['clipboard-read', 'clipboard-write'],
    ...options,
  })
  await context.addCookies(server.cookies)
  const troubles: string[] = []
  await context.exposeFunction('noteViolation', (text: string) => troubles.push(text))
  await context.addInitScript(() => {
    document.addEventListener('securitypolicyviolation', event => {
      const note = (window as unknown as { noteViolation(text: string): void }).noteViolation
      note(`policy: ${event.violatedDirective} ${event.blockedURI} ${event.sample}`)
    })
  })
  context.on('page', page => page.on('pageerror', error => troubles.push(`script: ${error.message}`)))
  return {
    context,
    troubles,
    open: async path => {
      const page = await context.newPage()
      await page.goto(path)
      return page
    },
  }
}

/** The API as the signed-in person; for what a test prepares or checks behind the page. */
export async function api<T>(watched: Watched, method: string, path: string, body?: unknown): Promise<T> {
  const answer = await watched.context.request.fetch(`${server.url}/api/v1${path}`, {
    method,
    ...(body !== undefined && { data: body }),
    headers: { Origin: server.url },
  })
  const text = await answer.text()
  expect(answer.ok(), `${method} ${path}: ${answer.status()} ${text.slice(0, 500)}`).toBe(true)
  return (text === '' ? undefined : JSON.parse(text)) as T
}

export async function closeBrowser(): Promise<void> {
  await browser?.close()
  browser = undefined
}
