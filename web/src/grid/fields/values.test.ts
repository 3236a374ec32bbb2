import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { type Field, type FieldKind, full, parse, same, show, shownCharacters } from './values'

const options = [
  { id: 'o1', name: 'Draft' },
  { id: 'o2', name: 'Published' },
]

describe('values', () => {
  it('come back unchanged through the editor', () => {
    const cases: [Field, fc.Arbitrary<unknown>][] = [
      [{ kind: 'text' }, fc.string({ minLength: 1 })],
      [{ kind: 'html' }, fc.string({ minLength: 1 })],
      [{ kind: 'boolean' }, fc.boolean()],
      [{ kind: 'integer' }, fc.bigInt().map(String)],
      [{ kind: 'select', options }, fc.constantFrom('o1', 'o2')],
      [{ kind: 'multi_select', options }, fc.uniqueArray(fc.constantFrom('o1', 'o2'), { minLength: 1 })],
      [{ kind: 'references' }, fc.uniqueArray(fc.nat().map(String), { minLength: 1 })],
      [{ kind: 'json' }, fc.jsonValue().filter(v => v !== null && !hasNegativeZero(v))],
    ]
    for (const [field, value] of cases) {
      fc.assert(
        fc.property(value, v => {
          const parsed = parse(field, full(field, v))
          expect(parsed.ok && same(parsed.value, v), `${field.kind}: ${JSON.stringify(v)}`).toBe(true)
        }),
      )
    }
  })

  it('never lose a digit', () => {
    const long = '12345678901234567890.12345678901234567890'
    expect(parse({ kind: 'number' }, ` ${long} `)).toEqual({ ok: true, value: long })
  })

  it.each<[FieldKind, string]>([
    ['number', '12,5'],
    ['integer', '1.5'],
    ['boolean', 'maybe'],
    ['date', '2026-02-30'],
    ['date', '31.01.2026'],
    ['datetime', '2026-02-30T10:00:00Z'],
    ['time', '25:00'],
    ['json', '{'],
  ])('refuse what a %s cannot be: %s', (kind, input) => {
    expect(parse({ kind }, input)).toMatchObject({ ok: false })
  })

  it('name the choices when a word is none of them', () => {
    expect(parse({ kind: 'select', options }, 'draft')).toEqual({ ok: true, value: 'o1' })
    const refused = parse({ kind: 'select', options }, 'Gone')
    expect(!refused.ok && refused.reason).toContain('Draft, Published')
  })

  it('say how much too long a text is', () => {
    const refused = parse({ kind: 'text', maxLength: 3 }, '漢字漢字')
    expect(!refused.ok && refused.reason).toContain('3 characters')
    expect(parse({ kind: 'text', maxLength: 3 }, '漢字漢').ok).toBe(true)
  })

  it('clear a cell with empty text, which is not the empty string', () => {
    expect(parse({ kind: 'text' }, '')).toEqual({ ok: true, value: null })
  })

  it('show one short line of a long text', () => {
    const shown = show({ kind: 'html' }, `<p>\n${'x'.repeat(1_000_000)}`)
    expect(shown.length).toBeLessThanOrEqual(shownCharacters + 1)
    expect(shown).not.toContain('\n')
  })

  it('are the same whatever the order of keys', () => {
    expect(same({ a: 1, b: [1, { c: null }] }, { b: [1, { c: null }], a: 1 })).toBe(true)
    expect(same({ a: 1 }, { a: 1, b: undefined })).toBe(false)
    expect(same([1, 2], [2, 1])).toBe(false)
    expect(same(null, undefined)).toBe(false)
  })
})

function hasNegativeZero(v: unknown): boolean {
  if (Object.is(v, -0)) return true
  return typeof v === 'object' && v !== null && Object.values(v).some(hasNegativeZero)
}
