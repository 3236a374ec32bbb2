import { afterAll, expect, it } from 'vitest'
import { api, closeBrowser, newContext } from './browser'
import { demo } from './demo'

afterAll(closeBrowser)

it('limits a connection without its password, and lifts the limit again', async () => {
  const watched = await newContext()
  const { table } = await demo(watched)
  const stored = async () =>
    (
      await api<{ credential_hint: Record<string, unknown> }>(
        watched,
        'GET',
        `/connections/${table.connection_id}`,
      )
    ).credential_hint
  const before = await stored()

  const page = await watched.open(`/connections/${table.connection_id}`)
  const limits = page.getByRole('region', { name: 'Limits' })
  await limits.getByRole('button', { name: 'Change the limits' }).click()
  const rate = limits.getByLabel(/requests a second/i)
  await rate.fill('100000')
  await limits.getByRole('button', { name: 'Save the limits' }).click()
  // The server's words, at the field they are about.
  await expect.poll(() => rate.getAttribute('aria-invalid')).toBe('true')
  expect(await stored()).toEqual(before)

  await rate.fill('20')
  await limits.getByRole('button', { name: 'Save the limits' }).click()
  await limits.getByText('20', { exact: true }).waitFor()
  expect(await stored()).toEqual({ ...before, requests_per_second: 20 })

  await limits.getByRole('button', { name: 'Change the limits' }).click()
  await rate.fill('')
  await limits.getByRole('button', { name: 'Save the limits' }).click()
  await limits.getByRole('button', { name: 'Change the limits' }).waitFor()
  expect(await stored()).toEqual(before)
  expect(watched.troubles).toEqual([])
})
