//go:build unix && !linux

package devserver

// surviveByNature: no parent-death signal here; the next start adopts.
const surviveByNature = true
