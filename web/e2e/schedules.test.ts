import type { Locator, Page } from 'playwright-core'
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest'
import { violations } from './axe'
import { api, closeBrowser, newContext, type Watched } from './browser'
import { type Demo, demo } from './demo'

let watched: Watched
let found: Demo
beforeAll(async () => {
  watched = await newContext({ timezoneId: 'Europe/Berlin' })
  found = await demo(watched)
})
afterEach(async () => {
  for (const { id } of await schedules()) await api(watched, 'DELETE', `/schedules/${id}`)
})
afterAll(closeBrowser)

interface Schedule {
  id: string
  every?: string
  cron?: string
  time_zone: string
  note?: string
  overlap: string
  version: number
  paused: boolean
}

async function schedules(): Promise<Schedule[]> {
  return (await api<{ items: Schedule[] }>(watched, 'GET', `/schedules?snapshot=${found.snapshot.id}`)).items
}

async function make(choice: object): Promise<Schedule> {
  return api<Schedule>(watched, 'POST', '/schedules', {
    snapshot_id: found.snapshot.id,
    time_zone: 'Europe/Berlin',
    ...choice,
  })
}

async function open(): Promise<Page> {
  return watched.open(`/s/${found.snapshot.id}/schedules`)
}

/** The card of the schedule that is named so. */
const card = (page: Page, name: string): Locator => page.getByRole('listitem', { name, exact: true })

it('takes a newcomer from the snapshot to a schedule and its first run', async () => {
  const page = await watched.open(`/s/${found.snapshot.id}/t/${found.table.id}`)
  await page.getByRole('link', { name: 'Schedules' }).click()
  await page.getByRole('button', { name: 'New schedule' }).click()
  const form = page.getByRole('dialog', { name: 'New schedule' })
  await form.getByRole('textbox', { name: 'Every' }).fill('2')
  await form.getByLabel('Only these').check()
  await form.getByRole('button', { name: 'Make the schedule' }).click()
  // None of the tables would be all of them.
  await form.getByText('Choose one table at least.').waitFor()
  await form.getByRole('checkbox', { name: found.table.name }).check()
  await form.getByLabel('Let it wait').check()
  await form.getByLabel('Note').fill('Before the editors meet')
  await form.getByRole('button', { name: 'Make the schedule' }).click()

  const made = card(page, 'Every 2 hours')
  await made.getByText('Before the editors meet').waitFor()
  await made.getByText(/^Next in .*: \w{3}/).waitFor()
  await made.getByText(`${found.table.name} · every record · waits for a download under way`).waitFor()
  await made.getByText('Times after that').click()
  expect(await made.getByRole('listitem').count()).toBe(9)
  const [stored] = await schedules()
  expect(stored).toMatchObject({ every: '2h', time_zone: 'Europe/Berlin', overlap: 'buffer_one' })

  await made.getByRole('button', { name: 'Run now' }).click()
  await made.getByRole('link', { name: /^Show the job: the run you asked for/ }).click()
  const drawer = page.getByRole('dialog', { name: 'Job' })
  await drawer.getByText('completed', { exact: true }).first().waitFor()
  await drawer.getByRole('button', { name: 'Close' }).click()
  await made.getByRole('list', { name: 'Latest runs' }).getByText('completed').waitFor()
  expect(watched.troubles).toEqual([])
})

it('shows what the server says of a cron text at its field, and the times of one that is right', async () => {
  const page = await open()
  await page.getByRole('button', { name: 'New schedule' }).click()
  const form = page.getByRole('dialog', { name: 'New schedule' })
  await form.getByText('Cron', { exact: true }).click()
  const field = form.getByLabel('Cron text')
  await field.fill('60 6 * * 1-5')
  await form.getByRole('button', { name: 'Make the schedule' }).click()
  await form.getByText(/is no cron text/).waitFor()
  expect(await field.getAttribute('aria-invalid')).toBe('true')
  expect(await field.evaluate(input => input === document.activeElement)).toBe(true)

  await field.fill('30 6 * * 1-5')
  await form.getByText('At 06:30, Monday to Friday').waitFor()
  await form.getByLabel('Time zone').fill('New_York')
  await page.getByRole('option', { name: 'America/New_York' }).click()
  await form.getByRole('button', { name: 'Make the schedule' }).click()
  await card(page, 'At 06:30, Monday to Friday')
    .getByText(/12:30 .* 06:30 in America\/New York/)
    .or(card(page, 'At 06:30, Monday to Friday').getByText(/11:30 .* 06:30 in America\/New York/))
    .first()
    .waitFor()
  const [stored] = await schedules()
  expect(stored).toMatchObject({ cron: '30 6 * * 1-5', time_zone: 'America/New_York' })
  expect(watched.troubles).toEqual([])
})

it('pauses and resumes, and follows what others do', async () => {
  const { id } = await make({ every: '6h' })
  const page = await open()
  const shown = card(page, 'Every 6 hours')
  await shown.getByRole('button', { name: 'Pause' }).click()
  await shown.getByText('paused', { exact: true }).waitFor()
  await shown.getByRole('button', { name: 'Resume' }).waitFor()
  await expect.poll(async () => (await schedules())[0]?.paused).toBe(true)
  await shown.getByRole('button', { name: 'Resume' }).click()
  await shown.getByText(/^Next in/).waitFor()
  await expect.poll(async () => (await schedules())[0]?.paused).toBe(false)

  await shown.getByRole('button', { name: 'More about this schedule' }).click()
  await page.getByRole('menuitem', { name: 'Pause with a reason…' }).click()
  await page.getByRole('dialog').getByLabel('Reason').fill('the office is closed')
  await page.getByRole('dialog').getByRole('button', { name: 'Pause' }).click()
  await shown.getByText('Paused: the office is closed').waitFor()
  await expect.poll(async () => (await schedules())[0]?.paused).toBe(true)
  await shown.getByRole('button', { name: 'Resume' }).click()
  await expect.poll(async () => (await schedules())[0]?.paused).toBe(false)

  // Somebody else, somewhere else: nothing is reloaded here.
  await api(watched, 'POST', `/schedules/${id}/pause`, { why: 'holidays' })
  await shown.getByText('Paused: holidays').waitFor()
  await make({ cron: '@daily' })
  await card(page, 'At 00:00 every day').waitFor()

  await shown.getByRole('button', { name: 'More about this schedule' }).click()
  await page.getByRole('menuitem', { name: 'Delete…' }).click()
  await page.getByRole('dialog').getByRole('button', { name: 'Delete the schedule' }).click()
  await shown.waitFor({ state: 'detached' })
  expect((await schedules()).map(s => s.cron)).toEqual(['@daily'])
  expect(watched.troubles).toEqual([])
})

it('takes a pause back that the server refused', async () => {
  await make({ every: '6h' })
  const page = await open()
  const shown = card(page, 'Every 6 hours')
  await page.route('**/pause', route => route.fulfill({ status: 503, body: '' }))
  await shown.getByRole('button', { name: 'Pause' }).click()
  await shown.getByRole('alert').waitFor()
  await shown.getByRole('button', { name: 'Pause' }).waitFor()
  expect((await schedules())[0]?.paused).toBe(false)
})

it('keeps both when two people change one schedule', async () => {
  const { id, version } = await make({ every: '6h', note: 'as it was' })
  const page = await open()
  await card(page, 'Every 6 hours').getByRole('button', { name: 'Edit…' }).click()
  const form = page.getByRole('dialog', { name: 'Edit the schedule' })
  await form.getByRole('textbox', { name: 'Every' }).fill('3')
  await api(watched, 'PATCH', `/schedules/${id}`, { every: '12h', note: 'theirs', version })
  await form.getByRole('button', { name: 'Save' }).click()
  const both = form.getByRole('alert')
  await both.waitFor()
  expect(await both.getByRole('row', { name: /^When/ }).innerText()).toMatch(/Every 12 hours\s+Every 3 hours/)
  expect(await both.getByRole('row', { name: /^Note/ }).innerText()).toMatch(/theirs\s+not changed/)
  expect((await schedules())[0]).toMatchObject({ every: '12h', note: 'theirs' })

  await form.getByRole('button', { name: 'Save mine all the same' }).click()
  await form.waitFor({ state: 'detached' })
  // What this person left alone is theirs.
  expect((await schedules())[0]).toMatchObject({ every: '3h', note: 'theirs' })
  expect(watched.troubles).toEqual([])
})

it('saves over a pause that came in between, since no choice is lost by it', async () => {
  const { id } = await make({ every: '6h' })
  const page = await open()
  await card(page, 'Every 6 hours').getByRole('button', { name: 'Edit…' }).click()
  const form = page.getByRole('dialog', { name: 'Edit the schedule' })
  await form.getByLabel('Note').fill('mine')
  await api(watched, 'POST', `/schedules/${id}/pause`, {})
  await form.getByRole('button', { name: 'Save' }).click()
  await form.waitFor({ state: 'detached' })
  expect((await schedules())[0]).toMatchObject({ note: 'mine', paused: true })
})

it.each(['light', 'dark'] as const)(
  'is accessible with schedules, and in its form, in the %s scheme',
  async colorScheme => {
    const { id } = await make({ every: '6h', note: 'for the morning' })
    await make({ cron: '*/15 8-18 * * 1-5', paused: true })
    await api(watched, 'POST', `/schedules/${id}/trigger`)
    const bypassing = await newContext({ colorScheme, bypassCSP: true })
    const page = await bypassing.open(`/s/${found.snapshot.id}/schedules`)
    await card(page, 'Every 6 hours')
      .getByRole('link', { name: /^Show the job/ })
      .waitFor()
    await card(page, 'Every 6 hours').getByText('Times after that').click()
    expect(await violations(page)).toEqual([])
    await card(page, 'Every 15 minutes from 08:00 to 18:45, Monday to Friday')
      .getByRole('button', { name: 'Edit…' })
      .click()
    const form = page.getByRole('dialog', { name: 'Edit the schedule' })
    await form.getByLabel('Only these').check()
    for (const way of ['Cron', 'Time of day', 'Interval']) {
      await form.getByText(way, { exact: true }).click()
      expect(await violations(page), way).toEqual([])
    }
  },
)

it('says that the engine is away', async () => {
  await make({ every: '6h' })
  const page = await watched.context.newPage()
  await page.route('**/api/v1/schedules?*', async route => {
    const answer = await route.fetch()
    const list = await answer.json()
    for (const one of list.items) Object.assign(one, { engine_away: true, pending: true, next_runs: [] })
    await route.fulfill({ response: answer, json: list })
  })
  await page.goto(`/s/${found.snapshot.id}/schedules`)
  await page.getByText(/workflow engine cannot be reached/).waitFor()
  await card(page, 'Every 6 hours').getByText('Next: not known just now').waitFor()
  await card(page, 'Every 6 hours').getByText('taking effect').waitFor()
})
