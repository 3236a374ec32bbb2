/**
 * Requests to the API, typed by its OpenAPI document: one place that adds the
 * tab, reads problems and hears of a lost session.
 */

import createClient, { type Middleware } from 'openapi-fetch'
import { problemFrom, toApiError } from './errors'
import type { paths } from './schema'

/**
 * This tab. Every request carries it, so that the tab can drop the events it
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

/** Whatever fails is thrown as an ApiError; only a request's own abort stays what it is. */
const ours: Middleware = {
  onRequest: ({ request }) => {
    request.headers.set('Scratch-Tab', tab)
  },
  onResponse: async ({ response }) => {
    if (!response.ok) throw await refused(response)
  },
  onError: ({ error, request }) => (request.signal.aborted ? undefined : toApiError(error)),
}

async function refused(response: Response): Promise<Error> {
  if (response.status === 401) for (const listener of signedOut) listener()
  const json = (response.headers.get('Content-Type') ?? '').includes('json')
  const body: unknown = json ? await response.json().catch(() => undefined) : undefined
  return problemFrom(response.status, body, response.headers.get('X-Request-Id'))
}

export const api = createClient<paths>({ baseUrl: '/', credentials: 'same-origin' })
api.use(ours)

/** The answer's body. A request that failed has thrown before. */
export async function take<T>(answer: Promise<{ data?: T }>): Promise<T> {
  return (await answer).data as T
}

/** Sends a file: multipart bodies are streamed by the server and stand in no OpenAPI operation. */
export async function sendFile(address: string, file: File): Promise<unknown> {
  const body = new FormData()
  body.set('file', file)
  try {
    const response = await fetch(address, {
      method: 'POST',
      body,
      headers: { 'Scratch-Tab': tab },
      credentials: 'same-origin',
    })
    if (!response.ok) throw await refused(response)
    return await response.json()
  } catch (error) {
    throw toApiError(error)
  }
}
