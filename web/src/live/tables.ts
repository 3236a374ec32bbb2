import type { Table } from '@/api/model'
import type { TableChanged } from './protocol.generated'

/**
 * The tables with the counts of the event, or undefined where the list itself
 * changed and has to be read again.
 */
export function withTableChange(tables: Table[], told: TableChanged): Table[] | undefined {
  const known = tables.find(t => t.id === told.table_id)
  if (!known || told.change !== 'updated' || (told.state && told.state !== known.state)) return undefined
  const { record_count, edited_count } = told
  return tables.map(t => (t.id === told.table_id ? { ...t, record_count, edited_count } : t))
}
