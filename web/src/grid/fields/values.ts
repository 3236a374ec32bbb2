/**
 * What a cell's JSON value looks like as text, and what text typed or pasted
 * into a cell means. Numbers travel as decimal text, so that no digit is lost.
 */

export type FieldKind =
  | 'text'
  | 'long_text'
  | 'html'
  | 'markdown'
  | 'number'
  | 'integer'
  | 'boolean'
  | 'date'
  | 'datetime'
  | 'time'
  | 'select'
  | 'multi_select'
  | 'reference'
  | 'references'
  | 'url'
  | 'email'
  | 'attachment'
  | 'json'

export interface FieldOption {
  readonly id: string
  readonly name: string
}

export interface Field {
  readonly kind: FieldKind
  readonly options?: readonly FieldOption[]
  readonly maxLength?: number
}

/** undefined: the record has no such key. */
export type CellValue = unknown

export type Parsed =
  | { readonly ok: true; readonly value: CellValue }
  | { readonly ok: false; readonly reason: string }

/** A cell shows this much of its text; a longer text would only cost memory. */
export const shownCharacters = 200

/** One line for the cell. */
export function show(field: Field, value: CellValue): string {
  const whole = full(field, value)
  const cut = whole.length > shownCharacters ? `${whole.slice(0, shownCharacters)}…` : whole
  return cut.replace(/\s+/g, ' ')
}

/** The whole text: what an editor opens and the clipboard takes. */
export function full(field: Field, value: CellValue): string {
  if (value === undefined || value === null) return ''
  switch (field.kind) {
    case 'boolean':
      return value === true ? 'true' : value === false ? 'false' : text(value)
    case 'select':
      return optionName(field, value)
    case 'multi_select':
    case 'references':
      return Array.isArray(value) ? value.map(v => optionName(field, v)).join(', ') : text(value)
    case 'attachment':
    case 'json':
      // A string keeps its quotes: without them it would not be JSON.
      return JSON.stringify(value)
    default:
      return text(value)
  }
}

function text(value: CellValue): string {
  return typeof value === 'string' ? value : JSON.stringify(value)
}

function optionName(field: Field, value: CellValue): string {
  return field.options?.find(o => o.id === value)?.name ?? text(value)
}

const number = /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i
const integer = /^[+-]?\d+$/

/** What the text means in this field. Empty text clears the cell (null). */
export function parse(field: Field, input: string): Parsed {
  if (input === '') return { ok: true, value: null }
  const trimmed = input.trim()
  switch (field.kind) {
    case 'number':
      return number.test(trimmed)
        ? good(trimmed)
        : bad(`"${clip(input)}" is not a number. Use digits, such as 12.5.`)
    case 'integer':
      return integer.test(trimmed) ? good(trimmed) : bad(`"${clip(input)}" is not a whole number.`)
    case 'boolean':
      return parseBoolean(input, trimmed)
    case 'date':
      return isDate(trimmed) ? good(trimmed) : bad(`"${clip(input)}" is not a date. Write it as 2026-01-31.`)
    case 'datetime':
      return isDateTime(trimmed)
        ? good(trimmed)
        : bad(`"${clip(input)}" is not a date and time. Write it as 2026-01-31T15:04:05Z.`)
    case 'time':
      return /^([01]\d|2[0-3]):[0-5]\d(:[0-5]\d)?$/.test(trimmed)
        ? good(trimmed.length === 5 ? `${trimmed}:00` : trimmed)
        : bad(`"${clip(input)}" is not a time. Write it as 15:04.`)
    case 'select':
      return parseOption(field, trimmed)
    case 'multi_select':
    case 'references':
      return parseMany(field, trimmed)
    case 'attachment':
    case 'json':
      return parseJSON(input)
    default:
      return parseText(field, input)
  }
}

function good(value: CellValue): Parsed {
  return { ok: true, value }
}

function bad(reason: string): Parsed {
  return { ok: false, reason }
}

function clip(input: string): string {
  return input.length > 40 ? `${input.slice(0, 40)}…` : input
}

function parseText(field: Field, input: string): Parsed {
  const length = [...input].length
  if (field.maxLength && length > field.maxLength) {
    return bad(`The service takes ${field.maxLength} characters here; this is ${length}.`)
  }
  return good(input)
}

function parseBoolean(input: string, trimmed: string): Parsed {
  const word = trimmed.toLowerCase()
  if (['true', 'yes', '1', 'x', '✓'].includes(word)) return good(true)
  if (['false', 'no', '0'].includes(word)) return good(false)
  return bad(`"${clip(input)}" is neither true nor false.`)
}

function parseOption(field: Field, trimmed: string): Parsed {
  if (!field.options?.length) return good(trimmed)
  const found = findOption(field, trimmed)
  if (found) return good(found.id)
  const names = field.options.slice(0, 8).map(o => o.name)
  return bad(
    `"${clip(trimmed)}" is none of the choices: ${names.join(', ')}${field.options.length > 8 ? ', …' : ''}.`,
  )
}

function findOption(field: Field, name: string): FieldOption | undefined {
  return (
    field.options?.find(o => o.id === name) ??
    field.options?.find(o => o.name === name) ??
    field.options?.find(o => o.name.toLowerCase() === name.toLowerCase())
  )
}

function parseMany(field: Field, trimmed: string): Parsed {
  const names = trimmed
    .split(',')
    .map(part => part.trim())
    .filter(part => part !== '')
  const ids: CellValue[] = []
  for (const name of names) {
    const one = field.options?.length ? parseOption(field, name) : good(name)
    if (!one.ok) return one
    if (!ids.includes(one.value)) ids.push(one.value)
  }
  return good(ids)
}

function parseJSON(input: string): Parsed {
  try {
    return good(JSON.parse(input))
  } catch {
    return bad('This is not valid JSON.')
  }
}

function isDate(input: string): boolean {
  if (!/^\d{4}-\d{2}-\d{2}$/.test(input)) return false
  const at = new Date(`${input}T00:00:00Z`)
  return !Number.isNaN(at.getTime()) && at.toISOString().startsWith(input)
}

function isDateTime(input: string): boolean {
  const match = /^(\d{4}-\d{2}-\d{2})T([01]\d|2[0-3]):[0-5]\d(:[0-5]\d(\.\d+)?)?(Z|[+-]\d{2}:\d{2})?$/.exec(
    input,
  )
  return match?.[1] !== undefined && isDate(match[1])
}

/** Numbers stand at the right edge, so that their digits line up. */
export function alignsRight(kind: FieldKind): boolean {
  return kind === 'number' || kind === 'integer'
}

/** Fields whose editor has room for several lines. */
export function isLong(kind: FieldKind): boolean {
  return (
    kind === 'long_text' || kind === 'html' || kind === 'markdown' || kind === 'json' || kind === 'attachment'
  )
}

/** Same JSON, whatever the order of keys. */
export function same(a: CellValue, b: CellValue): boolean {
  if (Object.is(a, b)) return true
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return false
  if (Array.isArray(a) !== Array.isArray(b)) return false
  const left = Object.entries(a)
  const right = new Map(Object.entries(b))
  return (
    left.length === right.size && left.every(([key, value]) => right.has(key) && same(value, right.get(key)))
  )
}
