// Package wait waits without holding anybody up: a context that ends ends the
// wait. It imports nothing of ours.
package wait
