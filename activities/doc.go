// Package activities holds the effects of the workflows: reading from services
// into the store, sending planned changes, and keeping jobs true. One struct
// per concern, with its dependencies as fields; each method is one activity.
//
// Activities exchange ids, counts and words with their workflows, never
// records. They return plain errors; Failure maps them once, in the worker's
// interceptor, to what the engine understands.
//
// It imports models, models/store, connectors, workflows/contract and the
// Temporal SDK; never the API, the workflows or a connector of a service.
package activities
