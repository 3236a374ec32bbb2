import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest'
import { closeBrowser, newContext, type Watched } from './browser'
import { type Demo, demo, revertAll } from './demo'
import { TableView } from './table'

let watched: Watched
let found: Demo
let table: TableView
const path = () => `/s/${found.snapshot.id}/t/${found.table.id}`

beforeAll(async () => {
  watched = await newContext()
  found = await demo(watched)
})
beforeEach(async () => {
  await revertAll(watched, found)
  for (const page of watched.context.pages()) await page.close()
  const page = await watched.open(path())
  table = new TableView(page, found.column.id)
  await table.loaded()
})
afterAll(closeBrowser)

it('loses no key of an edit that begins by typing, and keeps the old value on Escape', async () => {
  await table.type(1, 'Typed at once')
  await table.saved()
  expect(await table.text(1)).toBe('Typed at once')
  expect(await table.active()).toBe(`2 ${found.column.id}`)
  const before = await table.text(2)
  await table.page.keyboard.press('F2')
  await table.page.keyboard.type(' and more')
  await table.page.keyboard.press('Escape')
  expect(await table.text(2)).toBe(before)
})

it('undoes and does again, and survives a reload', async () => {
  const before = await table.text(0)
  await table.type(0, 'To be undone')
  await table.saved()
  await table.page.keyboard.press('Control+z')
  await expect.poll(() => table.text(0)).toBe(before)
  await table.page.keyboard.press('Control+Shift+z')
  await expect.poll(() => table.text(0)).toBe('To be undone')
  await table.page.reload()
  await table.loaded()
  expect(await table.text(0)).toBe('To be undone')
})

it('copies a range as a spreadsheet reads it, and pastes a block with lines in its cells', async () => {
  const { page } = table
  const clipboard = () => page.evaluate(() => navigator.clipboard.readText())
  await table.cell(0).click()
  await page.keyboard.press('Shift+ArrowDown')
  await page.keyboard.press('Shift+ArrowDown')
  await page.keyboard.press('Control+c')
  const titles = [await table.text(0), await table.text(1), await table.text(2)]
  await expect.poll(clipboard).toBe(titles.join('\n'))

  await page.evaluate(() => navigator.clipboard.writeText('one\n"two\nlines"\nthree\n'))
  await table.cell(4).click()
  await page.keyboard.press('Control+v')
  await expect.poll(() => table.text(5)).toBe('two lines')
  expect(await table.text(4)).toBe('one')
  expect(await table.text(6)).toBe('three')
  await table.saved()
  await page.keyboard.press('Control+z')
  await expect.poll(() => table.text(6)).not.toBe('three')
  expect(await table.text(4), 'one paste is one undo').not.toBe('one')
})

it('reaches the last cell and the first by key, and lets Tab out', async () => {
  const { page } = table
  await table.cell(0).click()
  await page.keyboard.press('Control+End')
  const last = found.table.record_count - 1
  await expect.poll(() => table.active()).toContain(`${last} `)
  await page.keyboard.press('Control+Home')
  await expect.poll(() => table.active()).toContain('0 ')
  await page.keyboard.press('Tab')
  expect(await table.grid.evaluate(grid => grid.contains(document.activeElement))).toBe(false)
})

it('finds by words and keeps the search in the address', async () => {
  const { page } = table
  const word = (await table.text(0)).split(' ')[0] ?? ''
  await page.getByRole('searchbox', { name: 'Search the records' }).fill(word)
  await page.waitForURL(/[?&]q=/)
  await expect.poll(() => table.text(0)).toContain(word)
  await page.getByRole('searchbox', { name: 'Search the records' }).fill('no record holds this')
  await page.getByText('No record fits').waitFor()
  await page.getByRole('button', { name: 'Show all records' }).click()
  await table.loaded()
})

it('violates no policy and throws nothing', () => {
  expect(watched.troubles).toEqual([])
})
