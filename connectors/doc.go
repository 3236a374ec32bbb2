// Package connectors is the contract between Scratch and the services it
// reaches, with what every connector shares: the registry, typed errors, the
// HTTP client with per-connection limits, and the reading of pages ahead.
//
// A connector is a small struct over Connector plus the capability interfaces
// it can honour. It knows its service and nothing of Scratch's store, workflow
// engine or API: this package and those below it import models, and neither
// Temporal nor GORM nor Gin.
package connectors
