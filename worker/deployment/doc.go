// Package deployment puts versions of the worker into service: which version
// new runs go to, which versions have live workers, and the change from one to
// the next and back. A version is a deployment's name and a build id; runs stay
// on the version they began with (they are pinned), so two builds work side by
// side until the older one has nothing left to do.
//
// It imports models, workflows/contract and the Temporal client; it registers
// nothing and runs no worker.
package deployment
