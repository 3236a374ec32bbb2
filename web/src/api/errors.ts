/** The one error of the page: what went wrong, what to do, and an id to look it up by. */

export interface FieldError {
  readonly field: string
  readonly code: string | undefined
  readonly detail: string
}

export interface ProblemDocument {
  readonly status: number
  readonly code: string
  readonly detail: string
  readonly hint: string | undefined
  readonly errors: readonly FieldError[]
  readonly requestId: string | undefined
}

export class ApiError extends Error implements ProblemDocument {
  override readonly name = 'ApiError'
  readonly status: number
  readonly code: string
  readonly detail: string
  readonly hint: string | undefined
  readonly errors: readonly FieldError[]
  readonly requestId: string | undefined

  constructor(problem: ProblemDocument) {
    super(problem.detail)
    this.status = problem.status
    this.code = problem.code
    this.detail = problem.detail
    this.hint = problem.hint
    this.errors = problem.errors
    this.requestId = problem.requestId
  }
}

/** Reads a problem document; an answer that is none (a proxy's page) still becomes a clear error. */
export function problemFrom(status: number, body: unknown, requestId: string | null): ApiError {
  const document = isRecord(body) ? body : {}
  const code = text(document.code)
  return new ApiError({
    status,
    code: code ?? `http.${status}`,
    detail:
      text(document.detail) ?? text(document.title) ?? `The server answered ${status} without saying why.`,
    hint:
      text(document.hint) ?? (code ? undefined : 'Try again; if it stays, look into the log of the server.'),
    errors: fieldErrors(document.errors),
    requestId: text(document.request_id) ?? requestId ?? undefined,
  })
}

/** Whatever was thrown, as something the page can show. */
export function toApiError(thrown: unknown): ApiError {
  if (thrown instanceof ApiError) return thrown
  const away = thrown instanceof TypeError
  return new ApiError({
    status: 0,
    code: away ? 'network.unreachable' : 'page.unexpected',
    detail: away
      ? 'The server could not be reached.'
      : `The page failed: ${thrown instanceof Error ? thrown.message : String(thrown)}`,
    hint: away
      ? 'Check that Scratch is running and that you are online, then try again.'
      : 'Reload the page.',
    errors: [],
    requestId: undefined,
  })
}

function fieldErrors(value: unknown): FieldError[] {
  if (!Array.isArray(value)) return []
  return value.filter(isRecord).map(one => ({
    field: text(one.field) ?? '',
    code: text(one.code),
    detail: text(one.detail) ?? 'is not valid',
  }))
}

function text(value: unknown): string | undefined {
  return typeof value === 'string' && value !== '' ? value : undefined
}

export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
