// Package archtest holds nothing but tests: they enforce the direction of the
// arrows between packages, who may use which library, what files and packages
// may be called, and that every package says what it is for.
//
//	models ← connectors ← agent ← activities ← workflows ← worker ← cmd
//	api → workflows/contract, models, models/store, internal, connectors
//
// A failure names the import, the rule and the reason. To change a rule, change
// it in rules_test.go together with docs/architecture.md. Nothing imports this
// package, and it imports nothing of the module.
package archtest
