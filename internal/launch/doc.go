// Package launch starts downloads and stops jobs, the same way for whoever asks:
// the API for a person, an activity for a schedule. The job is stored first,
// then the engine is told, so that a crash in between leaves a job that the
// reconciler starts.
//
// It imports models, models/store, workflows/contract and the Temporal client;
// no API, activities or workflows.
package launch
