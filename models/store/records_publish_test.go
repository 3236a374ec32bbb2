package store

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/scratch-platform/scratch/models"
)

// publishing is one record under everything that happens to it at once.
type publishing struct {
	t       *testing.T
	org     *Org
	actor   models.Actor
	table   models.Table
	n       int
	service string // what the service holds
	typed   string // a person's last word; "" once it reached the service
	item    string // on its way, "" for none
	sent    string
}

func (p *publishing) fresh() string {
	p.n++
	return fmt.Sprintf(`"v%d"`, p.n)
}

func (p *publishing) record() models.Record {
	r := allRecords(p.t, p.org, p.table.ID)["a"]
	return r
}

func (p *publishing) typeIn() {
	r := p.record()
	p.typed = p.fresh()
	write(p.t, p.org, p.table, p.actor, update(r.ID, typed("title", p.typed), models.Fields{"title": r.Shown("title")}))
}

func (p *publishing) download() {
	p.n++
	download(p.t, p.org, p.table, job(p.t, p.org, p.n), remote("a", "title", p.service))
	if p.typed == p.service {
		p.typed = "" // it has reached the service, which may change it from here on
	}
}

func (p *publishing) send() {
	if p.item != "" {
		return
	}
	plan, err := p.org.BuildPlan(p.t.Context(), p.table.SnapshotID, nil, p.actor)
	require.NoError(p.t, err)
	item, ok := itemsByOp(p.t, p.org, plan.ID)[models.OpUpdate]
	if !ok {
		return
	}
	start(p.t, p.org, p.actor, plan)
	send(p.t, p.org, "worker", item.ID)
	p.item, p.sent = item.ID, string(item.Values["title"])
	if string(item.EditBases["title"]) != p.service { // the look before the write sees it (Promise 4)
		theirs := remote("a", "title", p.service)
		p.settle(Settlement{ItemID: p.item, State: models.ItemConflict, Theirs: models.CellsOf(theirs.Fields), Stored: &theirs})
		return
	}
	p.service = p.sent
}

func (p *publishing) answer() {
	if p.item == "" {
		return
	}
	if p.typed == p.sent {
		p.typed = ""
	}
	stored := remote("a", "title", p.service)
	p.settle(Settlement{ItemID: p.item, State: models.ItemApplied, Stored: &stored})
}

func (p *publishing) settle(s Settlement) {
	require.NoError(p.t, p.org.SettleItems(p.t.Context(), []Settlement{s}))
	item, err := p.org.Item(p.t.Context(), s.ItemID)
	require.NoError(p.t, err)
	require.NoError(p.t, p.org.FinishPlan(p.t.Context(), item.PlanID, models.PlanApplied))
	p.item = ""
}

func (p *publishing) check(t *rapid.T) {
	r := p.record()
	if p.typed != "" && string(r.Shown("title")) != p.typed {
		t.Fatalf("shown is %s, the person typed %s", r.Shown("title"), p.typed)
	}
	base, edit := string(r.BaseCell("title")), r.Edits["title"]
	if edit != nil && len(models.ConflictsOf(p.table.Columns, &r)) == 0 && base != string(r.EditBases["title"]) {
		t.Fatalf("an edit that began from %s, over base %s, is no conflict", r.EditBases["title"], base)
	}
	if p.typed == "" && edit != nil && p.item == "" {
		t.Fatalf("an edit of %s is left though nothing was typed", edit)
	}
}

// Breaks when a download, an edit and the outcome of a publish, in whatever
// order they come, lose what a person typed (Promise 1), or leave an edit over
// a base that the service never held.
func TestDownloadsEditsAndOutcomesInAnyOrder(t *testing.T) {
	eachStore(t, func(t *testing.T, s *Store) {
		rapid.Check(t, func(rt *rapid.T) {
			org, actor, table := posts(t, s)
			p := &publishing{t: t, org: org, actor: actor, table: table, service: `"v0"`}
			p.download()
			for range rapid.IntRange(1, 12).Draw(rt, "steps") {
				switch rapid.SampledFrom([]string{"type", "change there", "download", "send", "answer"}).Draw(rt, "action") {
				case "type":
					p.typeIn()
				case "change there":
					if p.item == "" { // the service's own order of our write and another's is not ours to model
						p.service = p.fresh()
					}
				case "download":
					p.download()
				case "send":
					p.send()
				case "answer":
					p.answer()
				}
				p.check(rt)
			}
		})
	})
}

// Breaks when an undo of cells that were published meanwhile does harm: the
// value that stands is put back as a new edit, over what the service has now.
func TestUndoAfterAPublishIsANewEdit(t *testing.T) {
	eachStore(t, func(t *testing.T, s *Store) {
		org, actor, table := posts(t, s)
		p := &publishing{t: t, org: org, actor: actor, table: table, service: `"v0"`}
		p.download()
		p.typeIn()
		p.send()
		p.answer()
		require.Empty(t, p.record().Edits)
		undone, err := org.Undo(t.Context(), table.SnapshotID, actor)
		require.NoError(t, err)
		require.EqualValues(t, 1, undone.Changed)
		r := p.record()
		require.Equal(t, `"v0"`, string(r.Shown("title")))
		require.Equal(t, p.service, string(r.EditBases["title"]))
		require.Empty(t, models.ConflictsOf(table.Columns, &r))
		var data string
		require.NoError(t, s.read.WithContext(t.Context()).Raw("SELECT data FROM outbox WHERE type = ? ORDER BY seq DESC LIMIT 1", models.EventRecordsChanged).Scan(&data).Error)
		require.Contains(t, data, `"title"`, "an undo tells which cells changed")
	})
}
