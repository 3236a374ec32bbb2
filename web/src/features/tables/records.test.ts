import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { ApiError } from '@/api/errors'
import type { RecordBody, RecordOperation, RecordsPage } from '@/api/model'
import { Edits } from './Edits'
import { pageSize, RecordPages } from './RecordPages'

function record(n: number, fields: RecordBody['fields'] = {}, version = 1): RecordBody {
  return {
    id: String(n),
    fields: { title: `t${n}`, ...fields },
    state: 'live',
    version,
    updated_at: '2026-01-01T00:00:00Z',
  }
}

const settle = () => new Promise<void>(done => setTimeout(done, 0))

/** A server of `total` records whose answers come when they are let go. */
function server(total: number) {
  const asked: { at: number; signal: AbortSignal; answer: () => void; fail: (e: unknown) => void }[] = []
  const state = { total, title: (n: number) => `t${n}` }
  const read = (at: number, limit: number, signal: AbortSignal) =>
    new Promise<RecordsPage>((resolve, reject) => {
      signal.addEventListener('abort', () => reject(signal.reason))
      asked.push({
        at,
        signal,
        fail: reject,
        answer: () =>
          resolve({
            items: Array.from({ length: Math.max(0, Math.min(limit, state.total - at)) }, (_, i) =>
              record(at + i, { title: state.title(at + i) }),
            ),
            total: state.total,
            total_is_exact: true,
            view_version: '1',
          }),
      })
    })
  const answerAll = async () => {
    for (const one of asked.splice(0)) one.answer()
    await settle()
  }
  return { asked, read, answerAll, state }
}

const noEdits = () =>
  new Edits(
    async () => [],
    () => {},
    () => 'op',
  )

describe('record pages', () => {
  it('ask for what is on screen and one page ahead, and drop what was passed by', async () => {
    const s = server(10_000)
    const pages = new RecordPages(s.read, noEdits())
    pages.open()
    await s.answerAll()
    pages.watch({ from: 0, to: 30 }, 0)
    expect(pages.count).toBe(10_000)
    pages.watch({ from: 1000, to: 1030 }, 1)
    expect(s.asked.map(a => a.at)).toEqual([1000, 1200])
    const [passed] = s.asked
    pages.watch({ from: 5000, to: 5030 }, 1)
    expect(passed?.signal.aborted).toBe(true)
    await s.answerAll()
    expect(pages.rowAt(5010)?.value('title')).toBe('t5010')
    expect(pages.rowAt(1010)).toBeUndefined()
  })

  it('keep a bounded number of records, and never drop those on screen', async () => {
    const s = server(100_000)
    const pages = new RecordPages(s.read, noEdits())
    pages.open()
    await s.answerAll()
    pages.watch({ from: 0, to: 30 }, 0)
    for (let at = 0; at < 100_000; at += pageSize) {
      pages.watch({ from: at, to: at + 30 }, 0)
      await s.answerAll()
      expect(pages.rowAt(at)?.id).toBe(String(at))
    }
    const kept = Array.from({ length: 500 }, (_, i) => pages.rowAt(i * pageSize)).filter(Boolean).length
    expect(kept).toBe(50)
  })

  it('show what they have while they read again, and shrink with the table', async () => {
    const s = server(500)
    const pages = new RecordPages(s.read, noEdits())
    pages.open()
    await s.answerAll()
    pages.watch({ from: 0, to: 30 }, 0)
    s.state.title = n => `new ${n}`
    s.state.total = 10
    pages.refresh()
    expect(pages.rowAt(3)?.value('title')).toBe('t3')
    await s.answerAll()
    expect(pages.rowAt(3)?.value('title')).toBe('new 3')
    expect(pages.count).toBe(10)
  })

  it('read once more when a change came while they read, without giving up the answer', async () => {
    const s = server(300)
    const pages = new RecordPages(s.read, noEdits())
    pages.open()
    await s.answerAll()
    pages.watch({ from: 0, to: 30 }, 0)
    pages.refresh()
    s.state.title = n => `new ${n}`
    pages.refresh()
    pages.refresh()
    expect(s.asked.length).toBe(1)
    expect(s.asked[0]?.signal.aborted).toBe(false)
    await s.answerAll()
    expect(s.asked.length).toBe(1)
    await s.answerAll()
    expect(pages.rowAt(3)?.value('title')).toBe('new 3')
    expect(s.asked.length).toBe(0)
  })

  it('wait for every row of a copy, and fail rather than leave a gap', async () => {
    const s = server(1000)
    const pages = new RecordPages(s.read, noEdits())
    pages.open()
    await s.answerAll()
    pages.watch({ from: 0, to: 30 }, 0)
    const loaded = pages.load({ from: 0, to: 600 })
    for (let i = 0; i < 3; i++) {
      // Scrolling elsewhere does not drop the pages that the copy waits for.
      pages.watch({ from: 0, to: 30 }, 0)
      await s.answerAll()
    }
    await loaded
    for (let i = 0; i < 600; i++) expect(pages.rowAt(i)).toBeDefined()
    const failed = pages.load({ from: 800, to: 810 })
    s.asked[0]?.fail(new TypeError('away'))
    await expect(failed).rejects.toThrow('away')
  })

  it('keep the same row object while nothing in it changed', async () => {
    const s = server(10)
    const pages = new RecordPages(s.read, noEdits())
    pages.open()
    await s.answerAll()
    const before = pages.rowAt(1)
    pages.apply([{ id: '2', version: 2, fields: { title: 'x' } }])
    expect(pages.rowAt(1)).toBe(before)
    expect(pages.rowAt(2)?.value('title')).toBe('x')
    pages.apply([{ id: '2', version: 1, fields: { title: 'older' } }])
    expect(pages.rowAt(2)?.value('title')).toBe('x')
  })
})

describe('edits', () => {
  /** A server that stores all of a request or nothing: it refuses "bad", and loses the answer to "lost". */
  function storing() {
    const stored = new Map<string, RecordBody>()
    const sent: { operations: readonly RecordOperation[]; operation: string; answer: () => void }[] = []
    const write = (operations: RecordOperation[], operation: string) =>
      new Promise<{ id: string; version: number }[]>((resolve, reject) => {
        const answer = () => {
          const cells = operations.flatMap(({ fields = {} }, i) =>
            Object.entries(fields).map(cell => [i, ...cell]),
          )
          if (cells.some(([, , value]) => value === 'lost')) return reject(new TypeError('Failed to fetch'))
          const bad = cells.filter(([, , value]) => value === 'bad')
          if (bad.length > 0)
            return reject(refusal(bad.map(([i, column]) => `operations[${i}].fields.${column}`)))
          const versions = operations.map(({ id = '', fields = {} }) => {
            const before = stored.get(id) ?? record(Number(id))
            const after = { ...before, fields: { ...before.fields, ...fields }, version: before.version + 1 }
            stored.set(id, after)
            return { id, version: after.version }
          })
          resolve(versions)
        }
        sent.push({ operations, operation, answer })
      })
    let n = 0
    const edits = new Edits(
      write,
      () => {},
      () => `op${++n}`,
    )
    return { edits, sent, stored }
  }
  const refusal = (fields: string[]) =>
    new ApiError({
      status: 409,
      code: 'records.conflict',
      detail: 'somebody else changed the same cells meanwhile; nothing was written',
      hint: undefined,
      errors: fields.map(field => ({
        field,
        code: 'records.cell_changed',
        detail: 'it holds another value',
      })),
      requestId: undefined,
    })
  const put = (rowId: string, value: unknown, seen: unknown = 'old') => ({
    rowId,
    columnId: 'title',
    value,
    seen,
  })

  it('show the last value typed, whatever the order of the answers, and settle on it', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.tuple(fc.constantFrom('1', '2'), fc.constantFrom('a', 'b', 'c', 'answer')), {
          maxLength: 30,
        }),
        async steps => {
          const { edits, sent, stored } = storing()
          const typed = new Map<string, string>()
          for (const [row, what] of steps) {
            if (what === 'answer') sent.shift()?.answer()
            else {
              edits.put([put(row, what)])
              typed.set(row, what)
            }
            await settle()
            for (const [id, value] of typed) {
              const shown = edits.of(id)?.get('title')?.value ?? stored.get(id)?.fields.title
              expect(shown).toBe(value)
            }
          }
          while (sent.length > 0) {
            sent.shift()?.answer()
            await settle()
          }
          expect(edits.counts).toEqual({ waiting: 0, refused: 0 })
          for (const [id, value] of typed) expect(stored.get(id)?.fields.title).toBe(value)
        },
      ),
      { numRuns: 50 },
    )
  })

  it('carry the value each cell replaces, one operation for a record', async () => {
    const { edits, sent } = storing()
    edits.put([
      put('1', 'a', 'was'),
      { rowId: '1', columnId: 'price', value: '2', seen: undefined },
      put('2', 'b'),
    ])
    expect(sent[0]?.operations).toEqual([
      { op: 'update', id: '1', fields: { title: 'a', price: '2' }, seen: { title: 'was', price: null } },
      { op: 'update', id: '2', fields: { title: 'b' }, seen: { title: 'old' } },
    ])
  })

  it('send a large paste in chunks that undo as one', async () => {
    const { edits, sent } = storing()
    edits.put(Array.from({ length: 2500 }, (_, i) => put(String(i), 'x')))
    const operations = new Set<string>()
    let cells = 0
    for (let i = 0; i < 3; i++) {
      operations.add(sent[0]?.operation ?? '')
      cells += sent[0]?.operations.length ?? 0
      sent.shift()?.answer()
      await settle()
    }
    expect([...operations]).toEqual(['op1'])
    expect(cells).toBe(2500)
  })

  it('keep a refused cell as it was typed until it is sent again or discarded, and store the others', async () => {
    const { edits, sent, stored } = storing()
    edits.put([put('1', 'bad'), put('2', 'good')])
    sent.shift()?.answer()
    await settle()
    expect(edits.of('1')?.get('title')).toMatchObject({ value: 'bad', seen: 'old' })
    expect(edits.of('1')?.get('title')?.refused).toContain('Someone changed this cell')
    expect(edits.counts).toEqual({ waiting: 1, refused: 1 })
    sent.shift()?.answer()
    await settle()
    expect(stored.get('2')?.fields.title).toBe('good')
    expect(edits.of('2')).toBeUndefined()

    edits.retry('1', { title: 'theirs' })
    expect(edits.counts).toEqual({ waiting: 1, refused: 0 })
    expect(sent[0]?.operations).toEqual([
      { op: 'update', id: '1', fields: { title: 'bad' }, seen: { title: 'theirs' } },
    ])
    sent.shift()?.answer()
    await settle()
    edits.discard('1')
    expect(edits.counts).toEqual({ waiting: 0, refused: 0 })
    expect(sent).toEqual([])
  })

  it('refuse every cell, once, when a problem names none of them', async () => {
    const tries: number[] = []
    const edits = new Edits(
      async operations => {
        tries.push(operations.length)
        throw refusal(['somewhere.else'])
      },
      () => {},
      () => 'op',
    )
    edits.put([put('1', 'a'), put('2', 'b')])
    await settle()
    expect(tries).toEqual([2])
    expect(edits.counts).toEqual({ waiting: 0, refused: 2 })
  })

  it('keep what was typed when the answer was lost', async () => {
    const { edits, sent } = storing()
    edits.put([put('1', 'lost')])
    sent.shift()?.answer()
    await settle()
    expect(edits.of('1')?.get('title')).toMatchObject({
      value: 'lost',
      refused: expect.stringContaining('reached'),
    })
  })

  it('says what the problem document says', async () => {
    const refusing = new Edits(
      async () => {
        throw new ApiError({
          status: 413,
          code: 'records.too_large',
          detail: 'The record is too large.',
          hint: 'Shorten it.',
          errors: [],
          requestId: 'r',
        })
      },
      () => {},
      () => 'op',
    )
    refusing.put([put('1', 'x')])
    await settle()
    expect(refusing.of('1')?.get('title')?.refused).toBe('The record is too large. Shorten it.')
  })
})
