import { expect, it } from 'vitest'
import type { Table } from '@/api/model'
import { withTableChange } from './tables'

const table = { id: 'a', state: 'ready', record_count: 1, edited_count: 0 } as Table

it('takes new counts over', () => {
  const told = { table_id: 'a', change: 'updated', record_count: 7, edited_count: 2 }
  expect(withTableChange([table], told)).toEqual([{ ...table, record_count: 7, edited_count: 2 }])
})

it('asks for the list when a table came, went, or is in another state', () => {
  const told = { table_id: 'a', change: 'updated', record_count: 7, edited_count: 2 }
  expect(withTableChange([table], { ...told, table_id: 'b' })).toBeUndefined()
  expect(withTableChange([table], { ...told, change: 'deleted' })).toBeUndefined()
  expect(withTableChange([table], { ...told, state: 'gone' })).toBeUndefined()
})
