/** A form read from a JSON Schema, and the values typed into it. */

import { isRecord } from '@/api/errors'

export interface FormField {
  readonly name: string
  readonly label: string
  readonly help: string | undefined
  readonly required: boolean
  readonly secret: boolean
  readonly kind: 'text' | 'number' | 'integer' | 'boolean' | 'maybe' | 'choice' | 'list' | 'file'
  readonly choices: readonly string[]
  readonly initial: string | boolean
  readonly maxLength: number | undefined
}

export type FormValues = Readonly<Record<string, string | boolean>>

/**
 * The fields of an object schema in the order of its properties. A kind that
 * the form does not know is a text field: the server has the last word.
 */
export function readForm(schema: unknown): FormField[] {
  if (!isRecord(schema) || !isRecord(schema.properties)) return []
  const required = Array.isArray(schema.required) ? schema.required : []
  return Object.entries(schema.properties)
    .filter((entry): entry is [string, Record<string, unknown>] => isRecord(entry[1]))
    .map(([name, property]) => readField(name, property, required.includes(name)))
}

function readField(name: string, property: Record<string, unknown>, required: boolean): FormField {
  const kind = kindOf(property)
  const initial = property.default
  return {
    name,
    label: text(property.title) ?? name.replaceAll('_', ' '),
    help: text(property.description),
    required,
    secret: property.writeOnly === true,
    kind,
    choices: Array.isArray(property.enum) ? property.enum.map(String) : [],
    initial:
      kind === 'boolean'
        ? initial === true
        : initial === undefined || initial === null
          ? ''
          : String(initial),
    maxLength: typeof property.maxLength === 'number' ? property.maxLength : undefined,
  }
}

function kindOf(property: Record<string, unknown>): FormField['kind'] {
  if (Array.isArray(property.enum)) return 'choice'
  if (property.format === 'upload') return 'file'
  switch (property.type) {
    case 'boolean':
      // Without a default, absent means something of its own.
      return property.default === undefined ? 'maybe' : 'boolean'
    case 'array':
      return 'list'
    case 'integer':
      return 'integer'
    case 'number':
      return 'number'
    default:
      return 'text'
  }
}

export function initialValues(fields: readonly FormField[]): FormValues {
  return Object.fromEntries(fields.map(f => [f.name, f.initial]))
}

/** What is missing or cannot be, by field; empty when the form can be sent. */
export function check(fields: readonly FormField[], values: FormValues): Record<string, string> {
  const wrong: Record<string, string> = {}
  for (const field of fields) {
    const value = values[field.name]
    if (typeof value !== 'string') continue
    const trimmed = value.trim()
    if (trimmed === '') {
      if (field.required) wrong[field.name] = field.kind === 'file' ? 'Choose a file.' : 'Fill this in.'
    } else if (field.kind === 'integer' && !/^[+-]?\d+$/.test(trimmed)) {
      wrong[field.name] = 'A whole number.'
    } else if (field.kind === 'number' && !Number.isFinite(Number(trimmed))) {
      wrong[field.name] = 'A number.'
    }
  }
  return wrong
}

/** The object to send. What was left empty is left out: the schema says what that means. */
export function toObject(fields: readonly FormField[], values: FormValues): Record<string, unknown> {
  const out: Record<string, unknown> = {}
  for (const field of fields) {
    const value = values[field.name]
    if (typeof value === 'boolean') out[field.name] = value
    else if (value !== undefined && (field.kind === 'choice' ? value !== '' : value.trim() !== '')) {
      out[field.name] = toJSON(field, value)
    }
  }
  return out
}

function toJSON(field: FormField, value: string): unknown {
  switch (field.kind) {
    case 'integer':
    case 'number':
      return Number(value)
    case 'maybe':
      return value === 'true'
    case 'list':
      return value
        .split(',')
        .map(part => part.trim())
        .filter(part => part !== '')
    case 'choice':
      return value
    default:
      // A secret is sent as it was typed: white space may be part of it.
      return field.secret ? value : value.trim()
  }
}

/** The server's words about a field, whichever way it spells its path. */
export function errorsByField(
  fields: readonly FormField[],
  errors: readonly { field: string; detail: string }[],
): Record<string, string> {
  const found: Record<string, string> = {}
  for (const { field: at, detail } of errors) {
    const last = at.split(/[./]/).at(-1)
    const field = fields.find(f => f.name === last)
    if (field) found[field.name] = detail
  }
  return found
}

function text(value: unknown): string | undefined {
  return typeof value === 'string' && value !== '' ? value : undefined
}
