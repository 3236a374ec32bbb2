package drill

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// Breaks when a process killed during its first start leaves the sample
// workspace doubled or unfinished.
func TestKillDuringTheFirstStart(t *testing.T) {
	t.Parallel()
	for _, moment := range []struct{ table, when string }{
		{"connections", "the connection is stored"},
		{"snapshots", "the snapshot is stored"},
		{"tables", "the first table is stored"},
	} {
		t.Run(moment.when, func(t *testing.T) {
			t.Parallel()
			p := &product{t: t, dir: t.TempDir()}
			p.db = sqliteOf(t, filepath.Join(p.dir, "scratch.db"))
			p.startDev("--demo=true")
			eventually(t, 60*time.Second, moment.when, func() bool {
				return p.db.number(`SELECT count(*) FROM `+moment.table) > 0
			})
			p.main.kill()
			p.startDev("--demo=true")
			introduced := func() bool { return strings.Contains(p.main.stderr.String(), "Demo service") }
			counts := func() string {
				return fmt.Sprint(p.db.number(`SELECT count(*) FROM connections`), p.db.number(`SELECT count(*) FROM snapshots`), p.db.number(`SELECT count(*) FROM tables`))
			}
			for range 2 {
				eventually(t, 60*time.Second, "the demo tells its address", introduced)
				require.Equal(t, "1 1 4", counts(), "connections, snapshots and tables")
				p.main.stop()
				p.startDev("--demo=true")
			}
		})
	}
}
