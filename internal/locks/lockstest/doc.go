// Package lockstest is the suite that every locks.Locker passes, whether its
// leases live in the process or are shared by many. It is imported by tests only.
package lockstest
