/**
 * What Temporal's Web UI shows of a run, in browsers that are signed in to Scratch
 * or not. Addresses come from the environment: SCRATCH_E2E_RUN is the run's page,
 * SCRATCH_E2E_PAYLOAD a text its input holds, SCRATCH_E2E_SIGN_IN and
 * SCRATCH_E2E_OPERATOR links that sign in, the latter an operator.
 */
import { type Browser, chromium, type Page } from 'playwright-core'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { chromiumFlags, findChromium } from '../server'

function required(name: string): string {
  const value = process.env[name]
  if (!value) throw new Error(`${name} is not set: the tests of deploy/ do`)
  return value
}

const run = required('SCRATCH_E2E_RUN')
const payload = required('SCRATCH_E2E_PAYLOAD')

let browser: Browser
beforeAll(async () => {
  browser = await chromium.launch({ executablePath: findChromium(), args: chromiumFlags })
})
afterAll(() => browser.close())

/** The run's page in a browser of its own, after the codec endpoint has answered. */
async function opened(link?: string): Promise<{ page: Page; status: number }> {
  const page = await (await browser.newContext({ viewport: { width: 1600, height: 1200 } })).newPage()
  if (link) await page.goto(link)
  const answered = page.waitForResponse(
    answer => answer.url().includes('/codec/decode') && answer.request().method() === 'POST',
  )
  await page.goto(run)
  const status = (await answered).status()
  await page.getByText('Input', { exact: true }).filter({ visible: true }).first().waitFor()
  if (process.env.SCRATCH_E2E_PICTURES)
    await page.screenshot({
      path: `${process.env.SCRATCH_E2E_PICTURES}/temporal-${status}-${Date.now()}.png`,
    })
  return { page, status }
}

it('shows nothing of a payload to somebody who is not signed in', async () => {
  const { page, status } = await opened()
  expect(status).toBe(401)
  expect(await page.content()).not.toContain(payload)
})

it('shows nothing of a payload to an ordinary session', async () => {
  const { page, status } = await opened(required('SCRATCH_E2E_SIGN_IN'))
  expect(status).toBe(401)
  expect(await page.content()).not.toContain(payload)
})

it('shows payloads to an operator', async () => {
  const { page, status } = await opened(required('SCRATCH_E2E_OPERATOR'))
  expect(status).toBe(200)
  await page.getByText(payload).filter({ visible: true }).first().waitFor()
})
