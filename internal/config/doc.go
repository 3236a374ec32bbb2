// Package config reads Scratch's settings from the environment, once, at the
// start of a process. Every setting is a field of Settings with its name, default
// and meaning beside it; .env.example is generated from them.
//
// What cannot be used is reported all at once, by name and with what to do.
//
// The package imports models, the vault's Secret and netguard's policy, and
// nothing else of Scratch; it reads no file but those that settings name.
package config

//go:generate go test . -run TestExampleFileIsCurrent -update
