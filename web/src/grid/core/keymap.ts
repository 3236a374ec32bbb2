/** Which key does what in the grid. One table, so that the list of shortcuts is never out of date. */

import type { Step } from './selection'

export interface Keys {
  readonly key: string
  readonly ctrl: boolean
  readonly shift: boolean
  readonly alt: boolean
}

export type Command =
  | { readonly do: 'move'; readonly step: Step; readonly extend: boolean }
  | { readonly do: 'edit' }
  | { readonly do: 'type'; readonly text: string }
  | { readonly do: 'clear' | 'cancel' | 'selectAll' | 'fillDown' | 'undo' | 'redo' | 'open' }

const steps: Record<string, { plain: Step; ctrl: Step }> = {
  ArrowUp: { plain: 'up', ctrl: 'columnStart' },
  ArrowDown: { plain: 'down', ctrl: 'columnEnd' },
  ArrowLeft: { plain: 'left', ctrl: 'rowStart' },
  ArrowRight: { plain: 'right', ctrl: 'rowEnd' },
  Home: { plain: 'rowStart', ctrl: 'first' },
  End: { plain: 'rowEnd', ctrl: 'last' },
}

/**
 * The command of a key press, or undefined where the grid does not answer it.
 * Alt with arrows belongs to the browser and to screen readers; copy, cut and
 * paste arrive as clipboard events, not as keys; Tab leaves the grid.
 */
export function commandFor(k: Keys): Command | undefined {
  if (k.alt) return undefined
  const step = steps[k.key]
  if (step) return { do: 'move', step: k.ctrl ? step.ctrl : step.plain, extend: k.shift }
  if (k.ctrl) return ctrlCommand(k)
  switch (k.key) {
    case 'PageUp':
      return { do: 'move', step: 'pageUp', extend: k.shift }
    case 'PageDown':
      return { do: 'move', step: 'pageDown', extend: k.shift }
    case 'Enter':
    case 'F2':
      return { do: 'edit' }
    case 'Delete':
    case 'Backspace':
      return { do: 'clear' }
    case 'Escape':
      return { do: 'cancel' }
    case ' ':
      return { do: 'open' }
  }
  // One character, by code point: a typed letter begins an edit.
  return [...k.key].length === 1 ? { do: 'type', text: k.key } : undefined
}

function ctrlCommand(k: Keys): Command | undefined {
  switch (k.key.toLowerCase()) {
    case 'a':
      return k.shift ? undefined : { do: 'selectAll' }
    case 'd':
      return k.shift ? undefined : { do: 'fillDown' }
    case 'z':
      return { do: k.shift ? 'redo' : 'undo' }
    case 'y':
      return k.shift ? undefined : { do: 'redo' }
    default:
      return undefined
  }
}

/** The list that the shortcut sheet shows: keys, and what they do. */
export const shortcuts: readonly (readonly [keys: string, action: string])[] = [
  ['Arrow keys', 'Move between cells'],
  ['Shift + arrow keys', 'Extend the selection'],
  ['Ctrl + arrow keys', 'Jump to the edge of the table'],
  ['Home, End', 'First and last column'],
  ['Ctrl + Home, Ctrl + End', 'First and last cell'],
  ['Page Up, Page Down', 'Move one screen'],
  ['Enter, F2, or typing', 'Edit the cell'],
  ['Esc', 'Leave the editor without saving, or collapse the selection'],
  ['Delete', 'Clear the selected cells'],
  ['Ctrl + C, X, V', 'Copy, cut, paste'],
  ['Ctrl + D', 'Fill down'],
  ['Ctrl + A', 'Select all'],
  ['Ctrl + Z, Ctrl + Shift + Z', 'Undo, redo'],
  ['Space', 'Open the record'],
  ['Tab', 'Leave the grid'],
]
