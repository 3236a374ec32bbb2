import { queryOptions } from '@tanstack/react-query'
import { api, take } from '../client'

/** Who is signed in, and what this server lets them see. The same for the whole visit. */
export const meQuery = queryOptions({
  queryKey: ['me'],
  queryFn: ({ signal }) => take(api.GET('/api/v1/me', { signal })),
  staleTime: Number.POSITIVE_INFINITY,
})
