/**
 * The server that the browser tests drive: a running `scratch dev` named by
 * SCRATCH_E2E_URL and SCRATCH_E2E_SIGN_IN, or one of our own from the binary
 * that SCRATCH_TEST_BINARY names, on free ports and an empty data folder.
 */

import { type ChildProcess, spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { chromium } from 'playwright-core'
import type { TestProject } from 'vitest/node'

export interface Server {
  readonly url: string
  readonly chromium: string
  /** The session of the one sign-in: the link works once. */
  readonly cookies: { name: string; value: string; domain: string; path: string }[]
}

declare module 'vitest' {
  interface ProvidedContext {
    server: Server
  }
}

/** The flags that Chromium needs in a container without a screen. */
export const chromiumFlags = [
  '--headless',
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
]

const startWithin = 120_000

interface Started {
  url: string
  signIn: string
  stop(): Promise<void>
}

export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const program = findChromium()
  const { url, signIn, stop } = await start()
  try {
    project.provide('server', { url, chromium: program, cookies: await openLink(program, signIn) })
  } catch (error) {
    await stop()
    throw error
  }
  return stop
}

/** The program to drive: SCRATCH_TEST_CHROMIUM, or the first one installed. */
export function findChromium(): string {
  const named = process.env.SCRATCH_TEST_CHROMIUM
  const places = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome']
  const found = named || places.find(existsSync)
  if (!found)
    throw new Error(
      `There is no Chromium at ${places.join(', ')}: install one, or set SCRATCH_TEST_CHROMIUM.`,
    )
  return found
}

async function start(): Promise<Started> {
  const { SCRATCH_E2E_URL: url, SCRATCH_E2E_SIGN_IN: signIn, SCRATCH_TEST_BINARY: binary } = process.env
  if (url && signIn) return { url: new URL(url).origin, signIn, stop: async () => {} }
  if (binary) return startOwn(binary)
  throw new Error(
    'Name a server: SCRATCH_E2E_URL and SCRATCH_E2E_SIGN_IN of a running scratch dev, or SCRATCH_TEST_BINARY. "make e2e" does.',
  )
}

async function startOwn(binary: string): Promise<Started> {
  const folder = await mkdtemp(join(tmpdir(), 'scratch-e2e-'))
  // It moves on to the next free ports by itself and prints where it is.
  const child = spawn(binary, ['dev', '--data-dir', folder], { stdio: ['ignore', 'pipe', 'pipe'] })
  const stop = async () => {
    await ended(child)
    await rm(folder, { recursive: true, force: true })
  }
  try {
    const signIn = await printedLink(child)
    return { url: new URL(signIn).origin, signIn, stop }
  } catch (error) {
    await stop()
    throw error
  }
}

/** The sign-in link that the command prints once it can be used. */
function printedLink(child: ChildProcess): Promise<string> {
  return new Promise((resolve, reject) => {
    let printed = ''
    const failed = (why: string) => reject(new Error(`scratch dev ${why}:\n${printed.slice(-4000)}`))
    const timer = setTimeout(() => failed(`was not ready within ${startWithin / 1000} s`), startWithin)
    const read = (chunk: Buffer) => {
      printed += chunk.toString()
      const link = /https?:\/\/\S+\/sign-in\?\S+/.exec(printed)
      if (!link) return
      clearTimeout(timer)
      resolve(link[0])
    }
    child.stdout?.on('data', read)
    child.stderr?.on('data', read)
    child.once('error', error => failed(`did not start (${error.message})`))
    child.once('exit', code => failed(`ended with ${code}`))
  })
}

/** Ends the server as Ctrl-C does, and waits until it has. */
function ended(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return Promise.resolve()
  return new Promise(resolve => {
    const force = setTimeout(() => child.kill('SIGKILL'), 20_000)
    child.once('exit', () => {
      clearTimeout(force)
      resolve()
    })
    child.kill('SIGINT')
  })
}

async function openLink(program: string, link: string): Promise<Server['cookies']> {
  const browser = await chromium.launch({ executablePath: program, args: chromiumFlags })
  try {
    const context = await browser.newContext()
    await (await context.newPage()).goto(link)
    const cookies = await context.cookies()
    if (cookies.length === 0) throw new Error('The sign-in link gave no session; it works once.')
    return cookies.map(({ name, value, domain, path }) => ({ name, value, domain, path }))
  } finally {
    await browser.close()
  }
}
