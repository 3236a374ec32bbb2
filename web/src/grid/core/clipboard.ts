/**
 * Tab-separated text, as spreadsheets put it on the clipboard: a cell that
 * holds a tab, a line break or a quote is quoted, and quotes in it are doubled.
 */

export function parseTable(text: string): string[][] {
  const rows: string[][] = []
  let row: string[] = []
  let cell = ''
  let quoted = false
  let i = 0
  const endCell = () => {
    row.push(cell)
    cell = ''
  }
  const endRow = () => {
    endCell()
    rows.push(row)
    row = []
  }
  // The last line break ends the last row; it does not begin an empty one.
  const end = text.endsWith('\r\n') ? text.length - 2 : /[\r\n]$/.test(text) ? text.length - 1 : text.length
  let cellStart = true
  while (i < end) {
    const c = text[i] ?? ''
    if (quoted) {
      if (c !== '"') cell += c
      else if (text[i + 1] === '"' && i + 1 < end) {
        cell += '"'
        i++
      } else quoted = false
    } else if (c === '"' && cellStart && closes(text, i, end)) quoted = true
    else if (c === '\t') {
      endCell()
      cellStart = true
      i++
      continue
    } else if (c === '\n' || c === '\r') {
      if (c === '\r' && text[i + 1] === '\n') i++
      endRow()
      cellStart = true
      i++
      continue
    } else cell += c
    cellStart = false
    i++
  }
  endRow()
  return rows
}

/**
 * Whether the quote at `start` opens a quoted cell: its partner must stand
 * before a tab, a line break or the end. Text such as `"Hi" he said` that was
 * never quoted keeps its quotes.
 */
function closes(text: string, start: number, end: number): boolean {
  for (let i = start + 1; i < end; i++) {
    if (text[i] !== '"') continue
    if (text[i + 1] === '"' && i + 1 < end) {
      i++
      continue
    }
    const next = i + 1 >= end ? '\t' : text[i + 1]
    return next === '\t' || next === '\n' || next === '\r'
  }
  return false
}

export function formatTable(rows: readonly (readonly string[])[]): string {
  return rows.map(row => row.map(formatCell).join('\t')).join('\n')
}

function formatCell(cell: string): string {
  return /[\t\r\n"]/.test(cell) ? `"${cell.replaceAll('"', '""')}"` : cell
}

/** The value for a cell of the target range: a smaller block is repeated, as spreadsheets do. */
export function tile(block: readonly (readonly string[])[], row: number, column: number): string | undefined {
  const line = block[row % Math.max(1, block.length)]
  return line?.[column % Math.max(1, line.length)]
}

/**
 * How far a paste reaches: the whole selection where it is a multiple of the
 * block in a direction, else the block itself.
 */
export function pasteSize(
  block: readonly (readonly string[])[],
  selectedRows: number,
  selectedColumns: number,
): { rows: number; columns: number } {
  const rows = block.length
  const columns = Math.max(0, ...block.map(line => line.length))
  if (rows === 0 || columns === 0) return { rows: 0, columns: 0 }
  return {
    rows: selectedRows % rows === 0 ? selectedRows : rows,
    columns: selectedColumns % columns === 0 ? selectedColumns : columns,
  }
}
