import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { formatTable, parseTable, pasteSize, tile } from './clipboard'
import {
  columnOffsets,
  columnWindow,
  contentTop,
  maxScrollHeight,
  type RowGeometry,
  revealColumn,
  revealRow,
  rowWindow,
  scrollHeight,
  scrollTopFor,
} from './geometry'
import { commandFor } from './keymap'
import { at, contains, move, rangeOf, type Selection, type Step, selectAll } from './selection'

const geometry: fc.Arbitrary<RowGeometry> = fc.record({
  count: fc.integer({ min: 1, max: 3_000_000 }),
  rowHeight: fc.constantFrom(28, 32, 44),
  viewHeight: fc.integer({ min: 50, max: 2000 }),
})
const fraction = fc.double({ min: 0, max: 1, noNaN: true })

describe('rows', () => {
  it('draws every row that is visible, whatever the speed', () => {
    fc.assert(
      fc.property(geometry, fraction, fc.integer({ min: -2000, max: 2000 }), (g, f, speed) => {
        const top = f * Math.max(0, g.count * g.rowHeight - g.viewHeight)
        const span = rowWindow(g, top, speed)
        expect(span.from).toBeLessThanOrEqual(Math.floor(top / g.rowHeight))
        expect(span.to).toBeGreaterThanOrEqual(
          Math.min(g.count, Math.ceil((top + g.viewHeight) / g.rowHeight)),
        )
        expect(span.to - span.from).toBeLessThanOrEqual((2 * g.viewHeight) / g.rowHeight + 12)
      }),
    )
  })

  it('stays below the height browsers can show, and still reaches the last row', () => {
    fc.assert(
      fc.property(geometry, g => {
        expect(scrollHeight(g)).toBeLessThanOrEqual(maxScrollHeight)
        const bottom = contentTop(g, scrollHeight(g) - g.viewHeight)
        expect(bottom + g.viewHeight).toBeGreaterThanOrEqual(g.count * g.rowHeight - 1e-6)
      }),
    )
  })

  it('goes from content to scroll bar and back without moving', () => {
    fc.assert(
      fc.property(geometry, fraction, (g, f) => {
        const top = f * Math.max(0, g.count * g.rowHeight - g.viewHeight)
        expect(contentTop(g, scrollTopFor(g, top))).toBeCloseTo(top, 3)
      }),
    )
  })

  it('reveals a row wholly', () => {
    fc.assert(
      fc.property(geometry, fraction, fraction, (g, f, r) => {
        const row = Math.floor(r * (g.count - 1))
        const top = revealRow(g, f * g.count * g.rowHeight, row)
        if (g.viewHeight >= g.rowHeight) {
          expect(row * g.rowHeight).toBeGreaterThanOrEqual(top - 1e-6)
          expect((row + 1) * g.rowHeight).toBeLessThanOrEqual(top + g.viewHeight + 1e-6)
        }
      }),
    )
  })
})

describe('columns', () => {
  const widths = fc.array(fc.integer({ min: 60, max: 600 }), { minLength: 1, maxLength: 60 })

  it('draws every column that is visible', () => {
    fc.assert(
      fc.property(widths, fraction, fc.integer({ min: 100, max: 2000 }), (w, f, view) => {
        const offsets = columnOffsets(w)
        const total = offsets[w.length] ?? 0
        const left = f * Math.max(0, total - view)
        const span = columnWindow(offsets, 1, left, view)
        for (let i = 1; i < w.length; i++) {
          const start = offsets[i] ?? 0
          const end = offsets[i + 1] ?? 0
          const visible = end > left + (w[0] ?? 0) && start < left + view
          if (visible) expect(i >= span.from && i < span.to).toBe(true)
        }
      }),
    )
  })

  it('reveals a column right of the frozen one', () => {
    fc.assert(
      fc.property(widths, fraction, fraction, (w, f, c) => {
        const offsets = columnOffsets(w)
        const column = Math.floor(c * (w.length - 1))
        const left = revealColumn(offsets, 1, f * (offsets[w.length] ?? 0), 1400, column)
        if (column >= 1) expect((offsets[column] ?? 0) - left).toBeGreaterThanOrEqual((w[0] ?? 0) - 1e-6)
      }),
    )
  })
})

describe('selection', () => {
  const size = fc.record({ rows: fc.integer({ min: 1, max: 9 }), columns: fc.integer({ min: 1, max: 9 }) })
  const step = fc.constantFrom<Step>(
    'up',
    'down',
    'left',
    'right',
    'pageUp',
    'pageDown',
    'rowStart',
    'rowEnd',
    'columnStart',
    'columnEnd',
    'first',
    'last',
  )

  it('never leaves the table, and a range always holds both its ends', () => {
    fc.assert(
      fc.property(size, fc.array(fc.tuple(step, fc.boolean()), { maxLength: 40 }), (s, moves) => {
        let now: Selection = at({ row: 0, column: 0 })
        for (const [where, extend] of moves) {
          now = move(now, where, s, 3, extend)
          const r = rangeOf(now)
          expect(contains(r, now.anchor) && contains(r, now.active)).toBe(true)
          expect(r.top >= 0 && r.left >= 0 && r.bottom < s.rows && r.right < s.columns).toBe(true)
          if (!extend) expect(now.anchor).toEqual(now.active)
        }
      }),
    )
  })

  it('selects everything and keeps the cursor at the start', () => {
    const all = selectAll({ rows: 5, columns: 3 })
    expect(rangeOf(all)).toEqual({ top: 0, left: 0, bottom: 4, right: 2 })
    expect(all.active).toEqual({ row: 0, column: 0 })
  })
})

describe('clipboard', () => {
  const cell = fc.string({
    unit: fc.constantFrom('a', 'é', '漢', '"', '\t', '\n', '\r', ' ', ','),
    maxLength: 8,
  })
  const table = fc
    .integer({ min: 1, max: 5 })
    .chain(columns =>
      fc.array(fc.array(cell, { minLength: columns, maxLength: columns }), { minLength: 1, maxLength: 6 }),
    )

  it('reads back what it wrote', () => {
    fc.assert(
      fc.property(table, rows => {
        expect(parseTable(`${formatTable(rows)}\n`)).toEqual(rows)
      }),
    )
  })

  it.each([
    [
      'cells of a spreadsheet',
      'a\tb\r\nc\td\r\n',
      [
        ['a', 'b'],
        ['c', 'd'],
      ],
    ],
    ['a cell of two lines', '"one\ntwo"\tb\n', [['one\ntwo', 'b']]],
    ['doubled quotes', '"say ""hi"""\tb', [['say "hi"', 'b']]],
    ['quotes that open nothing', '"Hi" he said\tb', [['"Hi" he said', 'b']]],
    ['a quote that never closes', '"5\tb', [['"5', 'b']]],
    ['inches', '5" pipe', [['5" pipe']]],
    ['an empty cell at the end', 'a\t\n', [['a', '']]],
    ['one empty cell', '', [['']]],
    ['an empty line between', 'a\n\nb', [['a'], [''], ['b']]],
  ])('reads %s', (_, text, rows) => expect(parseTable(text)).toEqual(rows))

  it('repeats a block over a selection that is a multiple of it', () => {
    const block = [['1', '2']]
    expect(pasteSize(block, 3, 4)).toEqual({ rows: 3, columns: 4 })
    expect(pasteSize(block, 1, 3)).toEqual({ rows: 1, columns: 2 })
    expect([0, 1, 2, 3].map(c => tile(block, 2, c))).toEqual(['1', '2', '1', '2'])
  })
})

describe('keys', () => {
  const press = (key: string, held: Partial<Record<'ctrl' | 'shift' | 'alt', boolean>> = {}) =>
    commandFor({ key, ctrl: false, shift: false, alt: false, ...held })

  it('leaves the browser its own keys', () => {
    expect(press('Tab')).toBeUndefined()
    expect(press('ArrowLeft', { alt: true })).toBeUndefined()
    expect(press('c', { ctrl: true })).toBeUndefined()
    expect(press('v', { ctrl: true })).toBeUndefined()
    expect(press('r', { ctrl: true })).toBeUndefined()
    expect(press('F5')).toBeUndefined()
    expect(press('Shift')).toBeUndefined()
    expect(press('Dead')).toBeUndefined()
  })

  it('begins an edit with the character typed, whatever the script', () => {
    for (const text of ['a', 'Ü', '漢', '😀', '=']) expect(press(text)).toEqual({ do: 'type', text })
  })

  it('moves, extends and jumps', () => {
    expect(press('ArrowDown')).toEqual({ do: 'move', step: 'down', extend: false })
    expect(press('End', { ctrl: true, shift: true })).toEqual({ do: 'move', step: 'last', extend: true })
    expect(press('z', { ctrl: true, shift: true })).toEqual({ do: 'redo' })
    expect(press(' ')).toEqual({ do: 'open' })
  })
})
