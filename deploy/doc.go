// Package deploy holds what Scratch is deployed with: the image, the scripts of
// the compose file's jobs, Temporal's dynamic configuration. It has no code but
// tests: they load docker-compose.temporal.yml with the compose library, check
// every service, and run each of them that a machine without a container engine
// can run, with the command and the environment that the file gives it.
//
// Nothing imports it.
package deploy
