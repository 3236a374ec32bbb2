import { describe, expect, it } from 'vitest'
import type { CellValue } from '../fields/values'
import type { GridColumn, GridRow, GridSource } from '../source'
import { clear, fillDown, paste } from './changes'

const columns: GridColumn[] = [
  { id: 'title', name: 'Title', field: { kind: 'text' }, width: 100 },
  { id: 'price', name: 'Price', field: { kind: 'number' }, width: 100 },
  { id: 'id', name: 'ID', field: { kind: 'integer' }, width: 100, readOnly: 'set by the service' },
]

function table(rows: (Record<string, CellValue> | undefined)[]): GridSource {
  const made = rows.map(
    (values, i): GridRow | undefined =>
      values && { id: `r${i}`, value: c => values[c], note: () => undefined },
  )
  return {
    version: 1,
    count: rows.length,
    rowAt: i => made[i],
    subscribe: () => () => {},
    watch: () => {},
    load: () => Promise.resolve(),
  }
}

describe('changes', () => {
  const source = table([{ title: 'a', price: '1', id: '1' }, { title: 'b', id: '2' }, undefined])

  it('carry the value they replace, as it was seen', () => {
    expect(paste(source, columns, { top: 0, left: 0, bottom: 0, right: 0 }, [['x', '2']]).patches).toEqual([
      { rowId: 'r0', columnId: 'title', value: 'x', seen: 'a' },
      { rowId: 'r0', columnId: 'price', value: '2', seen: '1' },
    ])
  })

  it('never touch a row that was not loaded', () => {
    const cleared = clear(source, columns, { top: 0, left: 0, bottom: 2, right: 0 })
    expect(cleared.patches.map(p => p.rowId)).toEqual(['r0', 'r1'])
    expect(cleared).toMatchObject({ skipped: 1, reason: 'The row is not loaded yet.' })
  })

  it('leave read-only columns, bad values and what lies outside alone, and say why', () => {
    const far = paste(source, columns, { top: 0, left: 1, bottom: 0, right: 1 }, [['cheap', '9', 'beyond']])
    expect(far.patches).toEqual([])
    expect(far.skipped).toBe(3)
    expect(far.reason).toContain('cheap')
  })

  it('do not write what is there already; an absent value is already empty', () => {
    expect(clear(source, columns, { top: 1, left: 1, bottom: 1, right: 1 }).patches).toEqual([])
  })

  it('fill down from the first row, and a single row from the one above', () => {
    const wanted = [{ rowId: 'r1', columnId: 'title', value: 'a', seen: 'b' }]
    expect(fillDown(source, columns, { top: 0, left: 0, bottom: 1, right: 0 }).patches).toEqual(wanted)
    expect(fillDown(source, columns, { top: 1, left: 0, bottom: 1, right: 0 }).patches).toEqual(wanted)
    expect(fillDown(source, columns, { top: 0, left: 0, bottom: 0, right: 0 }).patches).toEqual([])
  })

  it('keep what a ragged block does not name', () => {
    const pasted = paste(source, columns, { top: 0, left: 0, bottom: 0, right: 0 }, [['x', '2'], ['y']])
    expect(pasted.patches.map(p => [p.rowId, p.columnId])).toEqual([
      ['r0', 'title'],
      ['r0', 'price'],
      ['r1', 'title'],
    ])
  })
})
