import type { Changes } from '../core/changes'
import { clear, paste, pasteRange } from '../core/changes'
import { formatTable, parseTable } from '../core/clipboard'
import { columnsOf, type Range, rowsOf, type Selection } from '../core/selection'
import { full } from '../fields/values'
import type { GridColumn, GridSource } from '../source'

/** A larger copy belongs into a file: the clipboard of other programs chokes on it. */
const mostRows = 10_000

interface Clipboard {
  source: GridSource
  columns: readonly GridColumn[]
  range: Range
  editing: boolean
  patch(changes: Changes): void
  select(next: Selection): void
  onNotice(text: string): void
}

export function useClipboard(c: Clipboard) {
  const { source, columns, range } = c

  /** undefined while a row is missing: a blank for "not loaded" would erase data when pasted back. */
  const copied = (): string | undefined => {
    const rows: string[][] = []
    for (let i = range.top; i <= range.bottom; i++) {
      const row = source.rowAt(i)
      if (!row) return undefined
      rows.push(
        columns.slice(range.left, range.right + 1).map(column => full(column.field, row.value(column.id))),
      )
    }
    return formatTable(rows)
  }

  const said = () => {
    const cells = rowsOf(range) * columnsOf(range)
    c.onNotice(cells === 1 ? '1 cell copied.' : `${cells.toLocaleString('en')} cells copied.`)
  }

  const copyLater = async () => {
    c.onNotice(`Loading ${rowsOf(range).toLocaleString('en')} rows to copy…`)
    const text = source.load({ from: range.top, to: range.bottom + 1 }).then(() => {
      const whole = copied()
      if (whole === undefined) throw new Error('A row went away while it was being copied.')
      return new Blob([whole], { type: 'text/plain' })
    })
    try {
      await navigator.clipboard.write([new ClipboardItem({ 'text/plain': text })])
      said()
    } catch (error) {
      c.onNotice(`Nothing was copied. ${error instanceof Error ? error.message : 'The browser refused it.'}`)
    }
  }

  const copy = (event: React.ClipboardEvent): boolean => {
    if (c.editing || source.count === 0) return false
    event.preventDefault()
    if (rowsOf(range) > mostRows) {
      c.onNotice(
        `Up to ${mostRows.toLocaleString('en')} rows can be copied. Export the table as CSV for more.`,
      )
      return false
    }
    const text = copied()
    if (text === undefined) {
      void copyLater()
      return false
    }
    event.clipboardData.setData('text/plain', text)
    said()
    return true
  }

  const pasteText = async (text: string) => {
    const block = parseTable(text)
    const target = pasteRange(block, range)
    const last = Math.min(target.bottom + 1, source.count)
    if (rowsOf(target) > mostRows) {
      c.onNotice(`Up to ${mostRows.toLocaleString('en')} rows can be pasted. Import a larger table as CSV.`)
      return
    }
    try {
      await source.load({ from: target.top, to: last })
    } catch (error) {
      c.onNotice(`Nothing was pasted. ${error instanceof Error ? error.message : ''}`)
      return
    }
    c.patch(paste(source, columns, range, block))
    c.select({
      anchor: {
        row: Math.min(target.bottom, source.count - 1),
        column: Math.min(target.right, columns.length - 1),
      },
      active: { row: range.top, column: range.left },
    })
  }

  return {
    onCopy(event: React.ClipboardEvent) {
      copy(event)
    },
    onCut(event: React.ClipboardEvent) {
      // What could not be copied is not cleared either.
      if (copy(event)) c.patch(clear(source, columns, range))
    },
    onPaste(event: React.ClipboardEvent) {
      if (c.editing || source.count === 0) return
      event.preventDefault()
      const text = event.clipboardData.getData('text/plain')
      if (text === '') return c.onNotice('The clipboard holds no text.')
      void pasteText(text)
    },
  }
}
