import { describe, expect, it } from 'vitest'
import { check, errorsByField, initialValues, readForm, toObject } from './form'

const schema = {
  type: 'object',
  required: ['site', 'password'],
  properties: {
    site: { type: 'string', title: 'Site address', description: 'As a browser shows it.', maxLength: 200 },
    password: { type: 'string', title: 'Password', writeOnly: true },
    port: { type: 'integer', default: 5432 },
    tls: { type: 'boolean', default: true },
    region: { enum: ['eu', 'us'] },
    file: { type: 'string', format: 'upload' },
    header: { type: 'boolean' },
    delimiter: { enum: [',', '\t'] },
    identity: { type: 'array', items: { type: 'string' } },
  },
}

describe('a connector’s form', () => {
  const fields = readForm(schema)

  it('is read from the schema, in its order', () => {
    expect(fields.map(f => [f.name, f.kind, f.required, f.secret])).toEqual([
      ['site', 'text', true, false],
      ['password', 'text', true, true],
      ['port', 'integer', false, false],
      ['tls', 'boolean', false, false],
      ['region', 'choice', false, false],
      ['file', 'file', false, false],
      ['header', 'maybe', false, false],
      ['delimiter', 'choice', false, false],
      ['identity', 'list', false, false],
    ])
    expect(initialValues(fields)).toMatchObject({ port: '5432', tls: true, site: '' })
  })

  it('is empty for a schema without properties', () => {
    for (const none of [undefined, null, {}, { properties: [] }]) expect(readForm(none)).toEqual([])
  })

  it('names what is missing or no number', () => {
    expect(check(fields, { site: ' ', password: 'x', port: '1.5' })).toEqual({
      site: 'Fill this in.',
      port: 'A whole number.',
    })
  })

  it('sends numbers as numbers, secrets as typed and empty fields not at all', () => {
    expect(toObject(fields, { site: ' a ', password: ' p ', port: '1', tls: false, region: '' })).toEqual({
      site: 'a',
      password: ' p ',
      port: 1,
      tls: false,
    })
  })

  it('tells no from not said, splits lists, and keeps a tab', () => {
    expect(toObject(fields, { header: 'false', identity: ' sku , , shop', delimiter: '\t' })).toEqual({
      header: false,
      identity: ['sku', 'shop'],
      delimiter: '\t',
    })
    expect(toObject(fields, { header: '', identity: ' ', delimiter: '' })).toEqual({})
  })

  it('finds the field the server speaks of', () => {
    const errors = [
      { field: 'body.credential.site', detail: 'no host' },
      { field: '/credential/port', detail: 'too large' },
      { field: 'elsewhere', detail: 'x' },
    ]
    expect(errorsByField(fields, errors)).toEqual({ site: 'no host', port: 'too large' })
  })
})
