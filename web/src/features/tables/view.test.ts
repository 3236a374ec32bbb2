import { describe, expect, it } from 'vitest'
import type { Column } from '@/api/model'
import { nextSort, readSort, toGridColumns, toQuery } from './view'

const column = (id: string, more: Partial<Column> = {}): Column => ({
  id,
  name: id,
  kind: 'text',
  compare: 'exact',
  position: 0,
  ...more,
})

describe('a table’s view', () => {
  it('sorts up, down and not at all as one clicks on', () => {
    const first = nextSort(undefined, 'title')
    const second = nextSort(first, 'title')
    expect([first, second, nextSort(second, 'title')]).toEqual(['title', '-title', undefined])
    expect(nextSort('-title', 'date')).toBe('date')
    expect(readSort('-title')).toEqual({ column: 'title', descending: true })
  })

  it('asks for what the address says', () => {
    expect(toQuery({})).toEqual({})
    expect(toQuery({ q: '  ', sort: 'a' })).toEqual({ sort: [{ column: 'a', descending: false }] })
    expect(toQuery({ only: 'edited' })).toEqual({ filter: { op: 'edited' } })
    expect(toQuery({ q: 'old', only: 'new' }).filter).toEqual({
      op: 'and',
      nodes: [
        { op: 'search', value: 'old' },
        { op: 'state', value: 'new' },
      ],
    })
  })

  it('locks what the service would not take, and never a column of our own', () => {
    const made = toGridColumns(
      [
        column('id', { read_only: true, position: 1 }),
        column('title', { position: 0 }),
        column('note', { local: true, position: 2 }),
        column('gone', { removed: true }),
      ],
      undefined,
      { title: 333 },
      '-title',
    )
    expect(made.map(c => [c.id, c.readOnly !== undefined])).toEqual([
      ['title', false],
      ['id', true],
      ['note', false],
    ])
    expect(made[0]).toMatchObject({ width: 333, sort: 'descending' })
    const locked = toGridColumns(
      [column('title'), column('note', { local: true })],
      'no right to write',
      {},
      undefined,
    )
    expect(locked.map(c => c.readOnly)).toEqual(['no right to write', undefined])
  })
})
