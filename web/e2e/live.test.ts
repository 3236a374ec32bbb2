import { afterAll, beforeAll, expect, it } from 'vitest'
import { api, closeBrowser, newContext, type Watched } from './browser'
import { type Demo, demo, revertAll } from './demo'
import { TableView } from './table'

let mine: Watched
let theirs: Watched
let found: Demo
const path = () => `/s/${found.snapshot.id}/t/${found.table.id}`

async function open(watched: Watched): Promise<TableView> {
  const page = await watched.open(path())
  const table = new TableView(page, found.column.id)
  await table.loaded()
  await page.getByText('live', { exact: true }).waitFor()
  return table
}

beforeAll(async () => {
  mine = await newContext()
  theirs = await newContext()
  found = await demo(mine)
  await revertAll(mine, found)
})
afterAll(async () => {
  await revertAll(mine, found)
  await closeBrowser()
})

it('shows a colleague’s edit without asking', async () => {
  const [here, there] = [await open(mine), await open(theirs)]
  await there.type(1, 'From the other browser')
  await expect.poll(() => here.text(1), { timeout: 5000 }).toBe('From the other browser')
  await here.page.close()
  await there.page.close()
})

it('misses nothing that happened while it was away', async () => {
  const [here, there] = [await open(mine), await open(theirs)]
  await mine.context.setOffline(true)
  await there.type(2, 'While you were away')
  await there.saved()
  await mine.context.setOffline(false)
  await expect.poll(() => here.text(2), { timeout: 30_000 }).toBe('While you were away')
  await here.page.close()
  await there.page.close()
})

it('refuses to write over a colleague’s edit it has not seen, and keeps both', async () => {
  const here = await open(mine)
  await here.cell(3).dblclick()
  const record = await api<{ items: { id: string; fields: Record<string, unknown> }[] }>(
    theirs,
    'GET',
    `${path().replace('/s/', '/snapshots/').replace('/t/', '/tables/')}/records?at=3&limit=1`,
  )
  const [target] = record.items
  if (!target) throw new Error('the demo has no fourth record')
  await api(theirs, 'PATCH', `/snapshots/${found.snapshot.id}/tables/${found.table.id}/records`, {
    operations: [{ op: 'update', id: target.id, fields: { [found.column.id]: 'Theirs came first' } }],
  })
  await here.page.keyboard.press('Control+a')
  await here.page.keyboard.type('Mine came second')
  await here.page.keyboard.press('Enter')
  await expect.poll(() => here.cell(3).getAttribute('aria-invalid')).toBe('true')
  expect(await here.text(3)).toBe('Mine came second')
  await here.cell(3).click()
  await here.page.keyboard.press('Space')
  await here.page.getByRole('button', { name: 'Drop my change' }).click()
  await here.page.keyboard.press('Escape')
  await expect.poll(() => here.text(3)).toBe('Theirs came first')
  expect([...mine.troubles, ...theirs.troubles]).toEqual([])
})
