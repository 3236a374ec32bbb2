import { expect, it } from 'vitest'
import { readForm } from '@/ui/schema/form'
import { isLimit, limitsOf } from './Limits'

const fields = readForm({
  properties: {
    site: { type: 'string' },
    requests_per_second: { type: 'number' },
    requests_at_once: { type: 'integer' },
  },
}).filter(isLimit)

it('takes the limits alone out of a credential', () => {
  expect(fields.map(field => field.name)).toEqual(['requests_per_second', 'requests_at_once'])
})

it('takes away a limit that was emptied, and keeps the other', () => {
  expect(limitsOf(fields, { requests_per_second: ' ', requests_at_once: '2' })).toEqual({
    requests_per_second: null,
    requests_at_once: 2,
  })
})
