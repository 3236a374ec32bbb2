package config

import "github.com/scratch-platform/scratch/internal/vault"

// Compose is what docker-compose.temporal.yml takes beside the settings. No
// process of ours reads it: it is here to be documented where the settings are.
type Compose struct {
	Image         string `env:"SCRATCH_IMAGE" envDefault:"scratch:local" doc:"Image of Scratch, by a tag of its own for each release. The default is built from the checkout."`
	ImageBefore   string `env:"SCRATCH_IMAGE_BEFORE" envDefault:"scratch:before" doc:"During an upgrade: image of the build before. With COMPOSE_PROFILES=before its workers stay, for the runs that began on them."`
	BuildIDBefore string `env:"SCRATCH_BUILD_ID_BEFORE" doc:"Its SCRATCH_BUILD_ID, where one was set."`
	Bind          string `env:"SCRATCH_BIND" envDefault:"127.0.0.1" doc:"Address of this machine the frontend is published on. Keep loopback behind a proxy with TLS."`
	Port          string `env:"SCRATCH_PORT" envDefault:"3010" doc:"Port the frontend is published on. With several frontends behind a proxy, as many ports: 3010-3012 for --scale frontend=3."`
	StopGrace     string `env:"SCRATCH_STOP_GRACE" envDefault:"45s" doc:"How long a container of ours may take to stop before it is killed: longer than SCRATCH_DRAIN."`
	Memory        string `env:"SCRATCH_MEMORY" envDefault:"1g" doc:"Memory that one container of ours may take."`

	PostgresPassword         vault.Secret `env:"POSTGRES_PASSWORD" doc:"Required. Password of PostgreSQL's administrator; any three different ones: openssl rand -hex 24. All three are taken at the first start, when the databases are made."`
	PostgresScratchPassword  vault.Secret `env:"POSTGRES_SCRATCH_PASSWORD" doc:"Required. Password of Scratch's own role; letters and digits only, it becomes part of a URL."`
	PostgresTemporalPassword vault.Secret `env:"POSTGRES_TEMPORAL_PASSWORD" doc:"Required. Password of Temporal's role."`
	RedisPassword            vault.Secret `env:"REDIS_PASSWORD" doc:"Required. Password of Redis; letters and digits only, it becomes part of a URL."`

	TemporalPort      string `env:"TEMPORAL_PORT" envDefault:"7233" doc:"Port of this machine's loopback that Temporal is published on, for its CLI."`
	TemporalUIPort    string `env:"TEMPORAL_UI_PORT" envDefault:"8233" doc:"Port of this machine's loopback that Temporal's Web UI is published on. SCRATCH_TEMPORAL_UI_URL then names it."`
	TemporalRetention string `env:"TEMPORAL_RETENTION" envDefault:"30d" doc:"How long Temporal keeps the histories of ended runs. Taken when the namespace is made; later: temporal operator namespace update."`
}
