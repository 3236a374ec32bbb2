/** A real Chromium before a running `scratch dev`, signed in. */

import { existsSync } from 'node:fs'
import {
  type Browser,
  type BrowserContext,
  type BrowserContextOptions,
  chromium,
  type Page,
} from 'playwright-core'
import { expect } from 'vitest'

function setting(name: string, what: string): string {
  const value = process.env[name]
  if (!value) throw new Error(`${name} is not set: ${what}. "make e2e" sets it.`)
  return value
}

const base = new URL(setting('SCRATCH_E2E_URL', 'the address of a running scratch dev'))
/** Works once, so one context opens it and the others take its cookies. */
const signIn = setting('SCRATCH_E2E_SIGN_IN', 'the sign-in link that it printed')

const places = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome']
const program = process.env.SCRATCH_E2E_CHROMIUM ?? places.find(existsSync)

let browser: Browser | undefined
let cookies: Awaited<ReturnType<BrowserContext['cookies']>> | undefined

async function launched(): Promise<Browser> {
  if (!program)
    throw new Error(`There is no Chromium at ${places.join(', ')}: install one, or set SCRATCH_E2E_CHROMIUM.`)
  browser ??= await chromium.launch({
    executablePath: program,
    args: [
      '--headless',
      '--no-sandbox',
      '--disable-gpu',
      '--disable-quic',
      '--no-first-run',
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync',
    ],
  })
  return browser
}

/** The cookies of the one sign-in, kept for the files that come after. */
async function session(): Promise<NonNullable<typeof cookies>> {
  const kept = process.env.SCRATCH_E2E_COOKIES
  if (kept) cookies ??= JSON.parse(kept)
  if (cookies) return cookies
  const context = await (await launched()).newContext()
  const page = await context.newPage()
  await page.goto(signIn)
  cookies = await context.cookies()
  expect(cookies.length, 'the sign-in link gave no session; it works once').toBeGreaterThan(0)
  process.env.SCRATCH_E2E_COOKIES = JSON.stringify(cookies)
  await context.close()
  return cookies
}

/** What went wrong in the pages of a context, whether or not a test looked there. */
export interface Watched {
  readonly context: BrowserContext
  readonly troubles: string[]
  open(path: string): Promise<Page>
}

/** A signed-in browser context that notes every script error and every violation of the policy. */
export async function newContext(options: BrowserContextOptions = {}): Promise<Watched> {
  const stored = await session()
  const context = await (await launched()).newContext({
    baseURL: base.origin,
    viewport: { width: 1280, height: 800 },
    permissions: ['clipboard-read', 'clipboard-write'],
    ...options,
  })
  await context.addCookies(stored)
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
  const answer = await watched.context.request.fetch(`${base.origin}/api/v1${path}`, {
    method,
    ...(body !== undefined && { data: body }),
    headers: { Origin: base.origin },
  })
  const text = await answer.text()
  expect(answer.ok(), `${method} ${path}: ${answer.status()} ${text.slice(0, 500)}`).toBe(true)
  return (text === '' ? undefined : JSON.parse(text)) as T
}

export async function closeBrowser(): Promise<void> {
  await browser?.close()
  browser = undefined
}
