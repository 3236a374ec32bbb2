package store

import (
	"context"
	"path"
	"slices"

	"github.com/pressly/goose/v3"
)

// SchemaVersion says how the database's schema stands to this program.
type SchemaVersion struct {
	Current int64    `json:"current"` // 0 is an empty database
	Latest  int64    `json:"latest"`  // what this program works with
	Pending []string `json:"pending"` // migrations to run, in order
	Ahead   bool     `json:"ahead"`   // a newer program has migrated it
}

// SchemaVersion reads which migrations have run. It changes nothing, so that it
// can be asked of a database that serves others.
func (s *Store) SchemaVersion(ctx context.Context) (SchemaVersion, error) {
	kind, files := s.dialect.migrations()
	sqlDB, err := s.write.DB()
	if err != nil {
		return SchemaVersion{}, s.explain(ctx, err)
	}
	provider, err := goose.NewProvider(kind, sqlDB, files, goose.WithDisableGlobalRegistry(true), goose.WithTableName(versionTable))
	if err != nil {
		return SchemaVersion{}, s.explain(ctx, err)
	}
	applied, err := s.appliedVersions(ctx)
	if err != nil {
		return SchemaVersion{}, err
	}
	v := SchemaVersion{Pending: []string{}}
	for _, one := range applied {
		v.Current = max(v.Current, one)
	}
	for _, source := range provider.ListSources() {
		v.Latest = max(v.Latest, source.Version)
		if !slices.Contains(applied, source.Version) {
			v.Pending = append(v.Pending, path.Base(source.Path))
		}
	}
	v.Ahead = v.Current > v.Latest
	return v, nil
}

// appliedVersions are the migrations that have run; none in an empty database.
func (s *Store) appliedVersions(ctx context.Context) ([]int64, error) {
	db := s.read.WithContext(ctx)
	var versions []int64
	if !db.Migrator().HasTable(versionTable) {
		return versions, s.Ping(ctx) // the question answers no when the database is away, too
	}
	if err := db.Table(versionTable).Where("is_applied").Pluck("version_id", &versions).Error; err != nil {
		return nil, s.explain(ctx, err)
	}
	return versions, nil
}

// Pending counts the migrations that have not run.
func (s *Store) Pending(ctx context.Context) (int, error) {
	v, err := s.SchemaVersion(ctx)
	return len(v.Pending), err
}

// ServerVersion is the database's own version, as "15.14" or "3.53.0".
func (s *Store) ServerVersion(ctx context.Context) (string, error) {
	query := "SELECT sqlite_version()"
	if s.dialect.name() == "postgres" {
		query = "SHOW server_version"
	}
	var version string
	if err := s.read.WithContext(ctx).Raw(query).Scan(&version).Error; err != nil {
		return "", s.explain(ctx, err)
	}
	return version, nil
}
