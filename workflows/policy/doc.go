// Package policy is the one home of timeouts and retries: named options for
// activities and children, each number with its reason.
//
// It imports workflows/contract and the Temporal SDK only.
package policy
