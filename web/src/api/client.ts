/** Requests to the API: one place that adds the tab, reads problems and hears of a lost session. */

import { problemFrom, toApiError } from './errors'

type Method = 'GET' | 'POST' | 'PATCH' | 'DELETE'
type Query = Readonly<Record<string, string | number | boolean | undefined>>

export interface RequestOptions {
  query?: Query
  body?: unknown
  /** Groups the chunks of one action into one undo, and makes a repeat harmless. */
  operation?: string
  signal?: AbortSignal
}

/**
 * This tab. Every write carries it, so that the tab can drop the events it
 * caused itself, and so that undo undoes what was done here.
 */
export const tab = crypto.randomUUID()

type SignedOut = () => void
const signedOut = new Set<SignedOut>()

/** Calls back when the server no longer knows who asks. */
export function onSignedOut(listener: SignedOut): () => void {
  signedOut.add(listener)
  return () => signedOut.delete(listener)
}

const base = '/api/v1'

/**
 * Sends a request and answers its JSON. It throws an ApiError, and nothing
 * else but the AbortError of its own signal.
 */
export async function request<T>(method: Method, path: string, options: RequestOptions = {}): Promise<T> {
  const { body, signal } = options
  const headers = new Headers({ Accept: 'application/json', 'Scratch-Tab': tab })
  if (options.operation) headers.set('Scratch-Operation', options.operation)
  const form = body instanceof FormData
  if (body !== undefined && !form) headers.set('Content-Type', 'application/json')
  try {
    const answer = await fetch(address(path, options.query), {
      method,
      headers,
      credentials: 'same-origin',
      body: body === undefined ? null : form ? body : JSON.stringify(body),
      signal: signal ?? null,
    })
    return (await read(answer)) as T
  } catch (error) {
    if (signal?.aborted) throw error
    throw toApiError(error)
  }
}

function address(path: string, query: Query = {}): string {
  const params = new URLSearchParams()
  for (const [name, value] of Object.entries(query)) {
    if (value !== undefined) params.set(name, String(value))
  }
  const search = params.toString()
  return `${base}${path}${search && `?${search}`}`
}

async function read(answer: Response): Promise<unknown> {
  const json = (answer.headers.get('Content-Type') ?? '').includes('json')
  const body: unknown = json ? await answer.json() : undefined
  if (answer.ok) return body
  if (answer.status === 401) for (const listener of signedOut) listener()
  throw problemFrom(answer.status, body, answer.headers.get('X-Request-Id'))
}

/** A path with its ids escaped: path`/snapshots/${id}`. */
export function path(parts: TemplateStringsArray, ...ids: string[]): string {
  return String.raw({ raw: parts }, ...ids.map(encodeURIComponent))
}
