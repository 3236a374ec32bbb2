import { afterAll, beforeAll, expect, it } from 'vitest'
import { api, closeBrowser, newContext, type Watched } from './browser'
import { demo, revertAll } from './demo'
import { TableView } from './table'

let watched: Watched
beforeAll(async () => {
  watched = await newContext()
})
afterAll(closeBrowser)

it('takes a newcomer from the download to the published change', async () => {
  const found = await demo(watched)
  await revertAll(watched, found)
  const page = await watched.open('/')
  await page.getByRole('link', { name: found.snapshot.name }).click()

  // Download, and see the job through to its end.
  await page.getByRole('button', { name: 'Download', exact: true }).click()
  const drawer = page.getByRole('dialog', { name: 'Job' })
  await drawer.getByText('completed', { exact: true }).first().waitFor()
  await drawer.getByRole('button', { name: 'Close' }).click()

  // Edit a cell.
  await page.getByRole('link', { name: new RegExp(found.table.name) }).click()
  const table = new TableView(page, found.column.id)
  await table.loaded()
  const before = await table.text(2)
  const after = `Edited at ${Date.now()}`
  await table.type(2, after)
  await table.saved()
  expect(await table.text(2)).toBe(after)
  expect(await table.cell(2).innerText()).toContain('unpublished')

  // Review: exactly this change, old and new.
  await page.getByRole('link', { name: 'Publish 1…' }).click()
  await page.getByRole('button', { name: 'Review 1 record' }).click()
  const items = page.getByRole('region', { name: 'Records of this plan' }).getByRole('listitem')
  await items.first().waitFor()
  expect(await items.count()).toBe(1)
  const shown = await items.first().innerText()
  expect(shown).toContain(after.split(' ')[0])
  expect(shown).toContain(before.split(' ').at(-1))

  // Publish, and see it done.
  await page.getByRole('button', { name: 'Publish 1 record' }).click()
  await page.getByText('published', { exact: true }).waitFor()
  await items.first().getByText('applied').waitFor()

  // The edit is settled here, and the service itself answers with what was typed.
  const record = await api<{ items: { remote_id: string; edits?: object }[] }>(
    watched,
    'GET',
    `/snapshots/${found.snapshot.id}/tables/${found.table.id}/records?filter=${encodeURIComponent(
      JSON.stringify({ op: 'eq', column: found.column.id, value: after }),
    )}`,
  )
  expect(record.items.length).toBe(1)
  expect(Object.keys(record.items[0]?.edits ?? {})).toEqual([])
  const { credential_hint } = await api<{ credential_hint: { site: string } }>(
    watched,
    'GET',
    `/connections/${found.table.connection_id}`,
  )
  const there = await fetch(`${credential_hint.site}/wp-json/wp/v2/posts/${record.items[0]?.remote_id}`)
  expect(await there.text()).toContain(after)
  expect(watched.troubles).toEqual([])
})

it('does not publish a plan whose record was edited since it was seen', async () => {
  const found = await demo(watched)
  const page = await watched.open(`/s/${found.snapshot.id}/t/${found.table.id}`)
  const table = new TableView(page, found.column.id)
  await table.loaded()
  await table.type(3, `First ${Date.now()}`)
  await table.saved()
  await page.goto(`/s/${found.snapshot.id}/publish`)
  await page.getByRole('button', { name: /^Review/ }).click()
  await page.getByRole('button', { name: /^Publish \d/ }).waitFor()

  const other = await watched.open(`/s/${found.snapshot.id}/t/${found.table.id}`)
  const elsewhere = new TableView(other, found.column.id)
  await elsewhere.loaded()
  await elsewhere.type(3, `Second ${Date.now()}`)
  await elsewhere.saved()

  await page.getByRole('button', { name: /^Publish \d/ }).click()
  const refused = page.getByRole('alert')
  await refused.waitFor()
  expect(await refused.innerText()).toContain('plan.stale')
  expect(await page.getByRole('link', { name: 'Make a new plan' }).count()).toBe(1)
  await revertAll(watched, found)
  expect(watched.troubles).toEqual([])
})
