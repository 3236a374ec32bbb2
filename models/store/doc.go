// Package store keeps everything Scratch knows: organizations, connections,
// snapshots, tables and their records, jobs, publish plans and the event log.
// It is the only user of GORM, and runs on PostgreSQL and on a SQLite file with
// one behaviour.
//
// Tenant data is reached through Store.Org alone, whose every query is bound to
// that organization (Promise 11); what must look across tenants (the event
// relay, the reconciler, clean-up) goes through Store.System. Errors meant for
// users are *models.Problem; an id of another tenant is simply not found.
//
// Every change a user can see is written together with its outbox events in one
// transaction. Inside a transaction locks are taken in one order, so that no
// two wait for each other: table row → records → suggestions and items → plan →
// job → outbox. A download's page that is worked on ahead of its turn has rows
// before it has locks; downloads_ahead.go says why nobody waits for it for long.
//
// It must not import connectors, activities, workflows, the API or Temporal.
package store
