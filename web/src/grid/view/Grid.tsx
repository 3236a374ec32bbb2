/**
 * The grid: windowed rows and columns over a source that loads as one scrolls.
 *
 * It follows the ARIA grid pattern with one tab stop: the scroller has the
 * focus and names its active cell (aria-activedescendant), so cells are no tab
 * stops and carry no key handlers of their own. Rows are absolutely placed,
 * which no table element can be. The lint rules that look for tab stops, key
 * handlers and table elements are off in this folder for that reason.
 */
import { useCallback, useId, useMemo, useRef, useState, useSyncExternalStore } from 'react'
import { type Changes, clear, fillDown } from '../core/changes'
import { columnOffsets, scrollHeight } from '../core/geometry'
import { type Command, commandFor } from '../core/keymap'
import { at, fitSelection, move, origin, rangeOf, type Selection, selectAll } from '../core/selection'
import type { CellPatch, GridColumn, GridSource } from '../source'
import { Editor, type Leave } from './Editor'
import css from './grid.module.css'
import { Header } from './Header'
import { cellId, Row, rowHeadWidth } from './Row'
import { SelectionBoxes } from './SelectionBoxes'
import { useClipboard } from './useClipboard'
import { useEditing } from './useEditing'
import { usePointer } from './usePointer'
import { useViewport } from './useViewport'

export interface GridProps {
  label: string
  source: GridSource
  columns: readonly GridColumn[]
  rowHeight?: number
  /** How many first columns stay in view. */
  frozen?: number
  onPatch(patches: readonly CellPatch[]): void
  /** Something the person should hear: what a paste left alone, why a cell is locked. */
  onNotice(text: string): void
  onOpen?(rowId: string): void
  onSort?(columnId: string): void
  onResize?(columnId: string, width: number): void
  onUndo?(): void
  onRedo?(): void
}

export function Grid(props: GridProps) {
  const { source, columns, onNotice } = props
  const rowHeight = props.rowHeight ?? 32
  const frozen = Math.min(props.frozen ?? 1, columns.length)
  const gridId = useId()
  const scroller = useRef<HTMLDivElement>(null)
  useSyncExternalStore(source.subscribe, () => source.version)

  const offsets = useMemo(() => columnOffsets(columns.map(c => c.width)), [columns])
  const watch = useCallback<GridSource['watch']>((rows, direction) => source.watch(rows, direction), [source])
  const view = useViewport(scroller, source.count, rowHeight, offsets, frozen, watch)

  const size = { rows: source.count, columns: columns.length }
  const [chosen, setChosen] = useState(origin)
  const selection = fitSelection(chosen, size)
  const range = rangeOf(selection)
  const select = (next: Selection) => {
    setChosen(next)
    view.reveal(next.active)
  }

  const patch = (changes: Changes) => {
    if (changes.patches.length > 0) props.onPatch(changes.patches)
    if (changes.skipped === 0) return
    const cells = changes.skipped === 1 ? '1 cell was' : `${changes.skipped.toLocaleString('en')} cells were`
    onNotice(`${cells} left alone. ${changes.reason ?? ''}`)
  }

  const editing = useEditing({ source, columns, reveal: view.reveal, onPatch: props.onPatch, onNotice })
  const { open } = editing
  const leave = (where: Leave) => {
    editing.shut()
    scroller.current?.focus({ preventScroll: true })
    if (where !== 'stay') select(move(selection, where, size, 1, false))
  }

  const pointing = { selection, select, size, offsets, frozen, geometry: view.geometry, edit: editing.edit }
  const pointer = usePointer(scroller, pointing)
  const clipboard = useClipboard({
    source,
    columns,
    range,
    patch,
    select,
    onNotice,
    editing: open !== undefined,
  })

  const obey = (command: Command) => {
    switch (command.do) {
      case 'move':
        // The first column may be in view, frozen, while its neighbours are not.
        if (command.step === 'rowStart' || command.step === 'first') scroller.current?.scrollTo({ left: 0 })
        return select(move(selection, command.step, size, view.pageRows, command.extend))
      case 'selectAll':
        return setChosen(selectAll(size))
      case 'edit':
        return editing.edit(selection.active)
      case 'type':
        return editing.edit(selection.active, command.text)
      case 'cancel':
        return select(at(selection.active))
      case 'clear':
        return patch(clear(source, columns, range))
      case 'fillDown':
        return patch(fillDown(source, columns, range))
      case 'undo':
        return props.onUndo?.()
      case 'redo':
        return props.onRedo?.()
      case 'open': {
        const row = source.rowAt(selection.active.row)
        return row && props.onOpen?.(row.id)
      }
    }
  }
  const onKeyDown = (event: React.KeyboardEvent) => {
    if (open || source.count === 0) return
    const { key, shiftKey: shift, altKey: alt } = event
    const command = commandFor({ key, ctrl: event.ctrlKey || event.metaKey, shift, alt })
    if (!command) return
    event.preventDefault()
    obey(command)
  }

  const { drawn } = view
  const width = rowHeadWidth + (offsets[columns.length] ?? 0)
  // Row elements are used again as the window moves over the rows.
  const ring = 2 * Math.ceil(view.geometry.viewHeight / rowHeight) + 16
  // Rows are placed from a base near them: browsers lose precision far down.
  const base = drawn.rows.from - (drawn.rows.from % 500)
  const { active } = selection
  const within = (span: { from: number; to: number }, i: number) => i >= span.from && i < span.to
  const activeDrawn =
    within(drawn.rows, active.row) &&
    (active.column < frozen || within(drawn.columns, active.column)) &&
    source.rowAt(active.row) !== undefined

  return (
    <div className={css.frame}>
      <div
        ref={scroller}
        role="grid"
        tabIndex={0}
        className={css.grid}
        aria-label={props.label}
        aria-rowcount={source.count + 1}
        aria-colcount={columns.length + 1}
        aria-multiselectable
        aria-activedescendant={activeDrawn ? cellId(gridId, active.row, active.column) : undefined}
        onScroll={view.onScroll}
        onKeyDown={onKeyDown}
        {...pointer}
        {...clipboard}
      >
        <Header
          columns={columns}
          offsets={offsets}
          frozen={frozen}
          drawn={drawn.columns}
          width={width}
          onSort={props.onSort}
          onResize={props.onResize}
          onSelectAll={() => setChosen(selectAll(size))}
        />
        <div
          role="presentation"
          className={css.content}
          style={{ width, height: scrollHeight(view.geometry) }}
        >
          <div
            role="presentation"
            data-cells
            className={css.rows}
            style={{ width, transform: `translateY(${base * rowHeight + drawn.shift}px)` }}
          >
            {Array.from({ length: drawn.rows.to - drawn.rows.from }, (_, i) => {
              const index = drawn.rows.from + i
              const selected = index >= range.top && index <= range.bottom
              return (
                <Row
                  key={index % ring}
                  gridId={gridId}
                  row={source.rowAt(index)}
                  index={index}
                  top={(index - base) * rowHeight}
                  height={rowHeight}
                  width={width}
                  columns={columns}
                  offsets={offsets}
                  frozen={frozen}
                  drawn={drawn.columns}
                  selectedFrom={selected ? range.left : -1}
                  selectedTo={selected ? range.right : -1}
                />
              )
            })}
            {source.count > 0 && (
              <SelectionBoxes
                range={range}
                active={active}
                offsets={offsets}
                frozen={frozen}
                rowHeight={rowHeight}
                base={base}
                editorFrozen={open !== undefined && open.place.column < frozen}
                editor={
                  open && (
                    <Editor
                      key={`${open.rowId} ${open.column.id}`}
                      label={`${open.column.name}, row ${open.place.row + 1}`}
                      field={open.column.field}
                      original={open.original}
                      initial={open.initial}
                      left={rowHeadWidth + (offsets[open.place.column] ?? 0)}
                      top={(open.place.row - base) * rowHeight}
                      width={open.column.width}
                      height={rowHeight}
                      onCancel={() => leave('stay')}
                      onCommit={(parsed, where) => {
                        if (parsed !== 'unchanged') editing.save(open, parsed.value)
                        leave(where)
                      }}
                    />
                  )
                }
              />
            )}
          </div>
        </div>
      </div>
    </div>
  )
}
