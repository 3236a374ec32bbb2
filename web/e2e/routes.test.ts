import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { violations } from './axe'
import { api, closeBrowser, newContext, type Watched } from './browser'
import { demo } from './demo'

/** Every route, with ids that exist. */
async function routes(watched: Watched): Promise<string[]> {
  const { snapshot, table } = await demo(watched)
  const first = async (path: string) =>
    (await api<{ items: { id: string }[] }>(watched, 'GET', path)).items[0]?.id
  const connection = await first('/connections')
  const job = await first('/jobs')
  const record = await first(`/snapshots/${snapshot.id}/tables/${table.id}/records?limit=1`)
  const plan = await api<{ id: string }>(
    watched,
    'POST',
    `/snapshots/${snapshot.id}/publish-plans`,
    {},
  ).catch(() => undefined)
  return [
    '/',
    '/connections',
    '/connections/new/wordpress',
    '/connections/new/csv',
    `/connections/${connection}`,
    `/s/${snapshot.id}/t/${table.id}`,
    `/s/${snapshot.id}/t/${table.id}?row=${record}`,
    `/s/${snapshot.id}/schedules`,
    `/s/${snapshot.id}/publish`,
    ...(plan ? [`/s/${snapshot.id}/publish/${plan.id}`] : []),
    '/jobs',
    `/jobs/${job}`,
    '/no/such/page',
  ]
}

describe.each(['light', 'dark'] as const)('in the %s scheme', colorScheme => {
  let strict: Watched
  let bypassing: Watched
  beforeAll(async () => {
    strict = await newContext({ colorScheme })
    // axe is injected as a script, which the policy would rightly refuse.
    bypassing = await newContext({ colorScheme, bypassCSP: true })
  })

  it('every route is accessible', async () => {
    for (const route of await routes(bypassing)) {
      const page = await bypassing.open(route)
      await page.waitForLoadState('networkidle')
      await page.getByRole('heading', { level: 1 }).first().waitFor()
      expect(await violations(page), route).toEqual([])
      await page.close()
    }
  }, 240_000)

  it('every route keeps to the policy and throws nothing', async () => {
    for (const route of await routes(strict)) {
      const page = await strict.open(route)
      await page.waitForLoadState('networkidle')
      expect(await page.evaluate(() => document.documentElement.dataset.mantineColorScheme)).toBe(colorScheme)
      expect(strict.troubles, route).toEqual([])
      await page.close()
    }
  }, 240_000)
})

it('says what it waits for, to those who cannot see it either', async () => {
  const watched = await newContext({ bypassCSP: true })
  const { snapshot, table } = await demo(watched)
  // Records that never come.
  await watched.context.route('**/records?*', () => {})
  const page = await watched.open(`/s/${snapshot.id}/t/${table.id}`)
  await page.getByRole('status', { name: 'Loading the records' }).waitFor()
  expect(await violations(page)).toEqual([])
  await watched.context.close()
})

it('tells a tab that is older than the server to reload', async () => {
  const watched = await newContext()
  const page = await watched.open('/')
  await page.getByRole('heading', { level: 1 }).waitFor()
  await page.route('**/assets/JobsPage-*.js', route => route.fulfill({ status: 404, body: '' }))
  await page.getByRole('link', { name: 'Jobs', exact: true }).click()
  await page.getByRole('button', { name: 'Reload' }).waitFor()
})

it('says what to do when nobody is signed in', async () => {
  const watched = await newContext()
  await watched.context.clearCookies()
  const page = await watched.open('/')
  await page.getByRole('heading', { name: 'You are signed out' }).waitFor()
  await page.goto('/?link=used')
  await page.getByRole('heading', { name: 'This link was used or has expired' }).waitFor()
  expect(watched.troubles).toEqual([])
})

afterAll(closeBrowser)
