import type { Column } from '@/api/model'
import type { RecordsQuery } from '@/api/queries/records'
import type { FieldKind } from '@/grid/fields/values'
import type { GridColumn } from '@/grid/source'

/** What of a table is shown, as it stands in the address. */
export interface TableView {
  readonly sort?: string | undefined
  readonly q?: string | undefined
  readonly only?: 'edited' | 'conflict' | 'new' | 'deleted' | undefined
}

interface Order {
  readonly column: string
  readonly descending: boolean
}

/** "-title" is by title, the last first. */
export function readSort(sort: string | undefined): Order | undefined {
  if (!sort) return undefined
  return sort.startsWith('-')
    ? { column: sort.slice(1), descending: true }
    : { column: sort, descending: false }
}

/** A click on a column: ascending, then descending, then as downloaded. */
export function nextSort(sort: string | undefined, column: string): string | undefined {
  const now = readSort(sort)
  if (now?.column !== column) return column
  return now.descending ? undefined : `-${column}`
}

export function toQuery(view: TableView): RecordsQuery {
  const order = readSort(view.sort)
  const tests: unknown[] = []
  const words = view.q?.trim()
  if (words) tests.push({ op: 'search', value: words })
  if (view.only === 'edited' || view.only === 'conflict') tests.push({ op: view.only })
  if (view.only === 'new' || view.only === 'deleted') tests.push({ op: 'state', value: view.only })
  return {
    ...(order && { sort: [{ column: order.column, descending: order.descending }] }),
    ...(tests.length > 0 && { filter: tests.length === 1 ? tests[0] : { op: 'and', nodes: tests } }),
  }
}

const narrow: ReadonlySet<FieldKind> = new Set(['boolean', 'integer', 'number', 'date', 'time'])
const wide: ReadonlySet<FieldKind> = new Set(['long_text', 'html', 'markdown'])

/** The width of a column that nobody has changed. The first names the record. */
export function usualWidth(kind: FieldKind, first: boolean): number {
  if (narrow.has(kind)) return 110
  return first || wide.has(kind) ? 280 : 180
}

const structured: ReadonlySet<FieldKind> = new Set(['attachment'])

/** The grid's columns: those the service still has, in their order. */
export function toGridColumns(
  columns: readonly Column[],
  tableLock: string | undefined,
  widths: Readonly<Record<string, number>>,
  sort: string | undefined,
): GridColumn[] {
  const order = readSort(sort)
  return columns
    .filter(c => !c.removed)
    .toSorted((a, b) => a.position - b.position)
    .map((c, i) => {
      const lock = lockOf(c, tableLock)
      return {
        id: c.id,
        name: c.name,
        width: widths[c.id] ?? usualWidth(c.kind, i === 0),
        field: {
          kind: c.kind,
          ...(c.options && { options: c.options }),
          ...(c.max_length && { maxLength: c.max_length }),
        },
        ...(lock && { readOnly: lock }),
        ...(order?.column === c.id && { sort: order.descending ? 'descending' : 'ascending' }),
      }
    })
}

function lockOf(column: Column, tableLock: string | undefined): string | undefined {
  if (column.local) return undefined
  if (tableLock) return tableLock
  if (column.read_only) return 'the service sets it'
  return structured.has(column.kind) ? 'files are changed at the service' : undefined
}
