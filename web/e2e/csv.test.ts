import { afterAll, expect, it } from 'vitest'
import { closeBrowser, newContext } from './browser'
import { TableView } from './table'

afterAll(closeBrowser)

it('takes an uploaded file to an edited table', async () => {
  const watched = await newContext()
  const page = await watched.open('/connections/new/csv')
  const name = `Prices ${Date.now()}`
  await page.getByLabel('Name').fill(name)
  const text = 'sku;title;price\n1;"Bread; sourdough";4.50\n2;"Two\nlines";12\n'
  await page
    .locator('input[type="file"]')
    .setInputFiles({ name: 'prices.csv', mimeType: 'text/csv', buffer: Buffer.from(text) })
  await page.getByText('prices.csv,').waitFor()
  await page.getByRole('button', { name: 'Connect' }).click()
  await page.getByRole('heading', { level: 1, name }).waitFor()
  await page.getByText('ready', { exact: true }).waitFor()

  await page.getByRole('link', { name: 'Snapshots' }).click()
  await page.getByRole('button', { name: 'New snapshot' }).click()
  await page.getByRole('dialog').getByLabel('Name').fill(name)
  await page.getByRole('button', { name: 'Make the snapshot' }).click()
  await page.getByText('No tables yet').waitFor()
  await page.getByRole('button', { name: 'Add tables' }).click()
  await page.getByRole('combobox', { name: 'Connection' }).click()
  await page.getByRole('option', { name }).click()
  await page.getByRole('checkbox', { name: /prices/ }).check()
  await page.getByLabel('Identity columns').fill('sku')
  await page.getByRole('button', { name: 'Add and download 1 table' }).click()
  const drawer = page.getByRole('dialog', { name: 'Job' })
  await drawer.getByText('completed', { exact: true }).first().waitFor()
  await drawer.getByRole('button', { name: 'Close' }).click()

  const title = await page.getByRole('columnheader', { name: 'title' }).getAttribute('aria-colindex')
  const column = await page
    .locator(`[role="gridcell"][data-row="0"][aria-colindex="${title}"]`)
    .getAttribute('data-col')
  const table = new TableView(page, column ?? '')
  expect(await table.text(0)).toBe('Bread; sourdough')
  expect(await table.text(1)).toBe('Two lines')
  await table.type(0, 'Rye')
  await table.saved()
  expect(await table.text(0)).toBe('Rye')
  expect(watched.troubles).toEqual([])
})

it('says what is wrong with a file that is none', async () => {
  const watched = await newContext()
  const page = await watched.open('/connections/new/csv')
  await page
    .locator('input[type="file"]')
    .setInputFiles({ name: 'empty.csv', mimeType: 'text/csv', buffer: Buffer.from('') })
  const alert = page.getByRole('alert')
  await alert.waitFor()
  expect(await alert.innerText()).toContain('upload.empty')
})
