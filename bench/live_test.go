package bench

import (
	"fmt"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/scratch-platform/scratch/internal/testkit"
)

const (
	perSecond = 10 // events of a snapshot
	frontends = 2  // the clients are spread over, half of a snapshot's at each
)

// BenchmarkLive has 1,000 clients on two frontends, each of which gets ten events
// a second: all of them as followers of one snapshot that is edited ten times a
// second, and as followers of ten snapshots, edited a hundred times a second
// together. The first is held against the budget: as many deliveries at a time as
// there are clients, which is what a hub is for; in the second the database does
// most of the work, and nothing of a bare hub's compares to that.
//
// The edits go over the API, to one frontend and the other by turns. An event's
// time is the one it bears: of the beginning of the edit's transaction, so that
// writing, committing, numbering and telling the other frontend all count. The
// bare hub, two processes with half of the clients each, stamps an event when it
// is asked to publish it. The same client program hears both.
func BenchmarkLive(b *testing.B) {
	i := install(b, newDatabase(b), "SCRATCH_REDIS_URL="+testkit.OwnRedis(b).URL())
	i.serve(b, "worker")
	l := &liveRun{fronts: []*product{i.serve(b, "frontend"), i.serve(b, "frontend")}}
	l.teams = newTeams(b, i, l.fronts[0], 10)
	l.hubs = []string{startBareHub(b), startBareHub(b)}
	ratio := l.beside(b, "WebSocket, 1,000 clients on two frontends, 10 events a second each", 1, rounds)
	figures.atMost("WebSocket, 1,000 clients on two frontends, 10 events a second each", "p99, of the bare hub's", ratio, 2, "")
	const spread = "WebSocket, the same clients over 10 snapshots, 100 edits a second"
	figures.note(spread, "p99, of the bare hub's", number(l.beside(b, spread, 10, 1)))
	l.crowd(b)
}

// liveRun is what hears and what is heard.
type liveRun struct {
	fronts []*product
	teams  []*team
	hubs   []string
}

// beside measures the product and the bare hub by turns, with 1,000 clients that
// follow so many snapshots, and gives the one's p99 in the other's.
func (l *liveRun) beside(b testing.TB, subject string, snapshots, times int) float64 {
	b.Helper()
	teams := l.teams[:snapshots]
	product := seatAudience(b, seatsOf(teams, l.fronts, 1000))
	defer product.stop()
	bare := seatAudience(b, bareSeats(snapshots, l.hubs, 1000))
	defer bare.stop()
	events := max(10, int(40*share()))
	editAll(b, teams, l.fronts, 5) // pools are filled, code is warm
	size := product.report(b, 5).Bytes
	publishAll(b, snapshots, l.hubs, size, 5)
	bare.report(b, 5)
	var ratios, p50, p99, bareP50, bareP99 []float64
	var edits []time.Duration
	for range times {
		edits = append(edits, editAll(b, teams, l.fronts, events)...)
		got := product.report(b, events)
		publishAll(b, snapshots, l.hubs, size, events)
		other := bare.report(b, events)
		require.InDelta(b, got.Bytes, other.Bytes, 0.05*float64(got.Bytes), "the messages differ in size")
		p50, p99 = append(p50, got.P50), append(p99, got.P99)
		bareP50, bareP99 = append(bareP50, other.P50), append(bareP99, other.P99)
		ratios = append(ratios, got.P99/other.P99)
	}
	figures.note(subject, "bare gorilla hub: p50, p99", fmt.Sprintf("%s ms, %s ms (messages of %d bytes)", number(median(bareP50)), number(median(bareP99)), size))
	figures.note(subject, "Scratch: p50, p99", fmt.Sprintf("%s ms, %s ms", number(median(p50)), number(median(p99))))
	figures.note(subject, "an edit's answer meanwhile: p50, p99",
		fmt.Sprintf("%s ms, %s ms", number(milliseconds(quantile(edits, 0.5))), number(milliseconds(quantile(edits, 0.99)))))
	return median(ratios)
}

// team is an organization with a snapshot that somebody edits.
type team struct {
	token   string
	table   tableOf
	records []named
}

// newTeams makes an organization for each snapshot that is followed.
func newTeams(b testing.TB, i *installation, front *product, n int) []*team {
	b.Helper()
	path := writeCSV(b, 500, 0)
	teams := make([]*team, n)
	for n := range teams {
		own := *front
		own.token = openAccount(b, i.location)
		table, _ := own.importCSV(b, path)
		var page recordsPage
		own.call(b, http.MethodGet, table.path()+"/records?limit=500", nil, &page)
		teams[n] = &team{token: own.token, table: table, records: page.Items}
	}
	return teams
}

func (t *team) topic() string { return "snapshot:" + t.table.snapshot }

// seatsOf spreads clients evenly over the topics and addresses; at least one is at
// each. The run's share counts.
func seatsOf(teams []*team, fronts []*product, clients int) (seats []seat) {
	for _, t := range teams {
		for _, front := range fronts {
			seats = append(seats, seat{URL: front.url, Token: t.token, Topic: t.topic(), Clients: each(clients, len(teams)*len(fronts))})
		}
	}
	return seats
}

func bareSeats(topics int, hubs []string, clients int) (seats []seat) {
	for n := range topics {
		for _, hub := range hubs {
			seats = append(seats, seat{URL: hub, Topic: bareTopic(n), Clients: each(clients, topics*len(hubs))})
		}
	}
	return seats
}

func each(clients, places int) int { return max(1, int(float64(clients)*share())/places) }

func bareTopic(n int) string { return fmt.Sprintf("snapshot-%d", n) }

// steadily calls each source the same number of times, perSecond a second, each
// source's calls between those of the others; it does not wait for one call to
// begin another's.
func steadily(b testing.TB, sources, times int, call func(source, n int)) {
	b.Helper()
	var all sync.WaitGroup
	begun := time.Now()
	for source := range sources {
		all.Go(func() {
			for n := range times {
				due := begun.Add(time.Second / perSecond * time.Duration(n*sources+source) / time.Duration(sources))
				pause(b, time.Until(due))
				call(source, n)
			}
		})
	}
	all.Wait()
}

// editAll edits every team's snapshot, and says how long the answers took.
func editAll(b testing.TB, teams []*team, fronts []*product, times int) []time.Duration {
	b.Helper()
	took := make([][]time.Duration, len(teams))
	steadily(b, len(teams), times, func(source, n int) {
		t, front := teams[source], *fronts[(source+n)%len(fronts)]
		front.token = t.token
		at := n % len(t.records)
		begun := time.Now()
		front.call(b, http.MethodPatch, t.table.path()+"/records", operations(t.records[at:at+1], fmt.Sprintf("Edited %d", begun.UnixNano())), nil)
		took[source] = append(took[source], time.Since(begun))
	})
	var all []time.Duration
	for _, one := range took {
		all = append(all, one...)
	}
	return all
}

func publishAll(b testing.TB, topics int, hubs []string, size, times int) {
	b.Helper()
	steadily(b, topics, times, func(source, _ int) {
		for _, hub := range hubs {
			publish(b, hub, bareTopic(source), size)
		}
	})
}

// crowd connects 5,000 clients, and says what each costs the frontends.
func (l *liveRun) crowd(b testing.TB) {
	b.Helper()
	const subject = "WebSocket, 5,000 clients connected to two frontends"
	memory := func() (sum float64) {
		for _, front := range l.fronts {
			now, _ := memoryOf(b, front.pid)
			sum += now
		}
		return sum
	}
	before, begun := memory(), time.Now()
	audience := seatAudience(b, seatsOf(l.teams, l.fronts, 5000))
	defer audience.stop()
	figures.note(subject, "all connected and subscribed after", number(time.Since(begun).Seconds())+" s")
	const events = 10
	begun = time.Now()
	editAll(b, l.teams[:1], l.fronts, events) // a tenth of them are told
	took := time.Since(begun)
	got := audience.reportOf(b, events, audience.clients/len(l.teams))
	after := memory()
	figures.note(subject, fmt.Sprintf("… a tenth of them told %s times a second: p50, p99", number(events/took.Seconds())), fmt.Sprintf("%s ms, %s ms", number(got.P50), number(got.P99)))
	figures.note(subject, "memory of a client", fmt.Sprintf("%s KB (both frontends: %s MB before, %s MB after)",
		number((after-before)*1024/float64(audience.clients)), number(before), number(after)))
}
