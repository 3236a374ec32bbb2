import { Button, Menu, SegmentedControl, TextInput } from '@mantine/core'
import { useEffect, useState } from 'react'
import type { Table } from '@/api/model'
import { exportAddress } from '@/api/queries/records'
import type { GridColumn } from '@/grid/source'
import css from './tables.module.css'
import { readSort, type TableView } from './view'

interface ToolbarProps {
  table: Table
  view: TableView
  columns: readonly GridColumn[]
  onView(change: TableView): void
  onUndo(what: 'undo' | 'redo'): void
  /** Absent where the table takes no new records. */
  onNew: (() => void) | undefined
}

const onlys = [
  { value: '', label: 'All' },
  { value: 'edited', label: 'Edited' },
  { value: 'new', label: 'New' },
  { value: 'deleted', label: 'Deleted' },
  { value: 'conflict', label: 'Conflicts' },
]

export function Toolbar({ table, view, columns, onView, onUndo, onNew }: ToolbarProps) {
  return (
    <div className={css.toolbar} role="toolbar" aria-label={`Tools for ${table.name}`}>
      <h2 className={css.name}>{table.name}</h2>
      <Search value={view.q ?? ''} onSearch={q => onView({ q: q || undefined })} />
      <SegmentedControl
        size="xs"
        aria-label="Which records"
        value={view.only ?? ''}
        onChange={only => onView({ only: (only || undefined) as TableView['only'] })}
        data={onlys}
      />
      <SortMenu columns={columns} sort={view.sort} onSort={sort => onView({ sort })} />
      <div className={css.toolsRight}>
        {onNew && (
          <Button size="xs" variant="default" onClick={onNew}>
            New record
          </Button>
        )}
        <Button size="xs" variant="default" onClick={() => onUndo('undo')}>
          Undo
        </Button>
        <Button size="xs" variant="default" onClick={() => onUndo('redo')}>
          Redo
        </Button>
        <Button
          size="xs"
          variant="default"
          component="a"
          href={exportAddress({ snapshotId: table.snapshot_id, tableId: table.id })}
          download
        >
          Export CSV
        </Button>
      </div>
    </div>
  )
}

/** Searches when the typing pauses. */
function Search({ value, onSearch }: { value: string; onSearch(q: string): void }) {
  const [text, setText] = useState(value)
  useEffect(() => setText(value), [value])
  useEffect(() => {
    if (text === value) return
    const timer = setTimeout(() => onSearch(text), 300)
    return () => clearTimeout(timer)
  }, [text, value, onSearch])
  return (
    <TextInput
      size="xs"
      type="search"
      aria-label="Search the records"
      placeholder="Search"
      value={text}
      onChange={event => setText(event.currentTarget.value)}
    />
  )
}

interface SortMenuProps {
  columns: readonly GridColumn[]
  sort: string | undefined
  onSort(sort: string | undefined): void
}

function SortMenu({ columns, sort, onSort }: SortMenuProps) {
  const order = readSort(sort)
  const by = columns.find(c => c.id === order?.column)
  return (
    <Menu position="bottom-start">
      <Menu.Target>
        <Button size="xs" variant="default">
          {by ? `Sort: ${by.name} ${order?.descending ? '↓' : '↑'}` : 'Sort'}
        </Button>
      </Menu.Target>
      <Menu.Dropdown className={css.menu}>
        {by && (
          <>
            <Menu.Item onClick={() => onSort(order?.descending ? by.id : `-${by.id}`)}>
              {order?.descending ? 'First to last' : 'Last to first'}
            </Menu.Item>
            <Menu.Item onClick={() => onSort(undefined)}>As downloaded</Menu.Item>
            <Menu.Divider />
          </>
        )}
        {columns.map(column => (
          <Menu.Item key={column.id} onClick={() => onSort(column.id)}>
            {column.name}
          </Menu.Item>
        ))}
      </Menu.Dropdown>
    </Menu>
  )
}
