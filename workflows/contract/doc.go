// Package contract is what starters and workers agree on: names of workflows
// and queues, workflow ids, inputs, results, signals, queries and search
// attributes, all typed, none of them strings elsewhere.
//
// It imports models and the Temporal SDK only. The API starts, signals and
// queries through it; workflows receive through it.
package contract
