import type { Page } from 'playwright-core'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { closeBrowser, newContext, type Watched } from './browser'
import { demo, revertAll } from './demo'
import { TableView } from './table'

let watched: Watched
beforeAll(async () => {
  watched = await newContext()
})
afterAll(closeBrowser)

/** What has the focus, by its label or text. */
const focused = (page: Page): Promise<string> =>
  page.evaluate(() => {
    const at = document.activeElement
    return at?.getAttribute('aria-label') ?? at?.textContent?.trim() ?? ''
  })

/** Presses Tab until that has the focus, as who has no mouse does. */
async function tabTo(page: Page, name: string | RegExp): Promise<void> {
  const passed: string[] = []
  for (let i = 0; i < 60; i++) {
    await page.keyboard.press('Tab')
    const now = await focused(page)
    if (typeof name === 'string' ? now === name : name.test(now)) return
    passed.push(now.slice(0, 40))
  }
  throw new Error(`Tab does not come to ${name}; it came to ${passed.join(' | ')}`)
}

it('takes a person without a mouse from the download to the published change', async () => {
  const found = await demo(watched)
  await revertAll(watched, found)
  const page = await watched.open('/')
  await page.getByRole('link', { name: found.snapshot.name }).waitFor()
  await tabTo(page, new RegExp(`^${found.snapshot.name}`))
  await page.keyboard.press('Enter')
  await page.getByRole('grid').waitFor()

  await tabTo(page, 'Download')
  await page.keyboard.press('Enter')
  const drawer = page.getByRole('dialog', { name: 'Job' })
  await drawer.getByText('completed', { exact: true }).first().waitFor()
  await page.keyboard.press('Escape')
  await drawer.waitFor({ state: 'detached' })
  // Where one was before.
  await expect.poll(() => focused(page)).toBe('Download')

  const table = new TableView(page, found.column.id)
  await tabTo(page, found.table.name)
  await page.keyboard.press('Control+Home')
  const after = `Typed at ${Date.now()}`
  await page.keyboard.type(after, { delay: 0 })
  await page.keyboard.press('Enter')
  await table.saved()
  expect(await table.text(0)).toBe(after)

  await page.getByRole('link', { name: 'Publish 1…' }).waitFor()
  await tabTo(page, 'Publish 1…')
  await page.keyboard.press('Enter')
  await page.getByRole('button', { name: 'Review 1 record' }).waitFor()
  await tabTo(page, 'Review 1 record')
  await page.keyboard.press('Enter')
  await page.getByRole('button', { name: 'Publish 1 record' }).waitFor()
  await tabTo(page, 'Publish 1 record')
  await page.keyboard.press('Enter')
  await page.getByText('published', { exact: true }).waitFor()
  await page.getByRole('region', { name: 'Records of this plan' }).getByText('applied').waitFor()
  expect(watched.troubles).toEqual([])
})
