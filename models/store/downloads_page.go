package store

import (
	"bytes"
	"context"
	"fmt"
	"slices"

	"github.com/RoaringBitmap/roaring/v2/roaring64"

	"github.com/scratch-platform/scratch/models"
)

// SavePage stores records a download read, together with the place to go on
// from: one transaction, so that a killed process loses no finished page and
// repeats none that was counted (Promise 7).
//
// A record that is unchanged is recognised by its hash and not written. Edits
// and suggestions are never touched (Promise 1); an edit the service now agrees
// with is no change any more and goes. A record may come twice, in a page or
// over pages: the last one stands. One that a publish settled after the page was
// asked for (PageWrite.AsOf) keeps what was settled: the page may be the older.
// run is brought up to date.
func (o *Org) SavePage(ctx context.Context, run *models.DownloadRun, page PageWrite) (PageResult, error) {
	records, err := distinct(page.Records)
	if err != nil {
		return PageResult{}, err
	}
	var next models.DownloadRun
	var result PageResult
	save := func(allNew bool) error {
		return o.tx(ctx, func(tx *Tx) (err error) {
			p := pageSave{tx: tx, page: page, records: records, allNew: allNew, asOf: page.AsOf}
			if p.asOf == 0 {
				p.asOf = run.AsOf
			}
			next, err = p.run(run)
			result = p.result
			return err
		})
	}
	// A first download takes every record for new and loads it straight in;
	// where one is there already the transaction is begun again, looking.
	err = save(run.HadRecords == 0)
	if run.HadRecords == 0 && o.s.isUnique(err) {
		err = save(false)
	}
	if err != nil {
		return PageResult{}, err
	}
	next.AsOf = run.AsOf
	*run = next
	return result, nil
}

// distinct keeps the last of records given twice, and refuses those too large
// or without an id.
func distinct(records []RemoteRecord) ([]RemoteRecord, error) {
	at := make(map[string]int, len(records))
	repeated := false
	for i, r := range records {
		if len(r.Fields) > models.MaxRecordBytes {
			return nil, models.NewProblem(models.KindTooLarge, "records.too_large",
				fmt.Sprintf("the record %q has %d bytes", models.Bound(r.RemoteID, 100), len(r.Fields)),
				fmt.Sprintf("a record holds at most %d MB; shorten it at the service", models.MaxRecordBytes>>20))
		}
		if r.RemoteID == "" {
			return nil, models.NewProblem(models.KindInternal, "records.no_id", "the connector gave a record without an id",
				"report this as a fault of the connector")
		}
		_, twice := at[r.RemoteID]
		repeated = repeated || twice
		at[r.RemoteID] = i
	}
	if !repeated {
		return records, nil
	}
	kept := make([]RemoteRecord, 0, len(at))
	for i, r := range records {
		if at[r.RemoteID] == i {
			kept = append(kept, r)
		}
	}
	return kept, nil
}

// pageSave is the work of one SavePage transaction.
type pageSave struct {
	tx      *Tx
	page    PageWrite
	records []RemoteRecord
	allNew  bool
	asOf    int64

	c         *recordChanges
	seen      *roaring64.Bitmap
	newer     map[string]bool // remote ids settled after the page was asked for
	fresh     []models.Record
	changed   []models.Record
	told      []models.RecordChanged // changed or gone, for events
	gone      []models.RecordChanged
	conflicts int64
	result    PageResult
}

func (p *pageSave) run(run *models.DownloadRun) (models.DownloadRun, error) {
	// Promise 5: whether a record was here before a create was sent is told by
	// when it came and when that was, both by one clock.
	err := p.tx.readClock()
	if err != nil {
		return *run, err
	}
	if p.c, err = p.tx.changeRecords(run.TableID); err != nil {
		return *run, err
	}
	row, err := p.tx.lockRun(run)
	if err != nil {
		return *run, err
	}
	p.seen = roaring64.New()
	if p.newer, err = p.tx.settledSince(&p.c.row, p.asOf); err != nil {
		return *run, err
	}
	rest := p.records
	if !p.allNew || len(p.newer) > 0 {
		if rest, err = p.compare(); err != nil {
			return *run, err
		}
	}
	if err := p.add(rest); err != nil {
		return *run, err
	}
	if err := p.c.saveBases(p.changed); err != nil {
		return *run, err
	}
	if err := p.deletions(); err != nil {
		return *run, err
	}
	// Promise 7: the cursor moves in the transaction of its page.
	if err := p.checkpoint(&row); err != nil {
		return *run, err
	}
	p.result.Version = p.c.row.RecordsVersion
	return row.run(), p.tell(&row)
}

// stateOf is what compare needs of a stored record.
type stateOf struct {
	id     int64
	hash   []byte
	marker string
	plain  bool // no edits, and live
}

// compare finds which records are there already and which of those changed,
// and gives the ones that are not.
func (p *pageSave) compare() ([]RemoteRecord, error) {
	known, err := p.known()
	if err != nil {
		return nil, err
	}
	var fresh []RemoteRecord
	var careful []int64 // edited or not live: read whole before writing
	incoming := map[int64]RemoteRecord{}
	for _, r := range p.records {
		was, ok := known[r.RemoteID]
		if ok {
			p.seen.Add(uint64(was.id)) //nolint:gosec // ids are positive
		}
		// Promise 4: an older base under a settled record would pass for a change
		// made elsewhere, and bring back what was just deleted.
		if p.newer[r.RemoteID] {
			p.result.PassedOver++
			continue
		}
		if !ok {
			fresh = append(fresh, r)
			continue
		}
		hash := models.HashOf(r.Fields)
		switch same := bytes.Equal(was.hash, hash[:]); {
		case same && was.plain && was.marker == r.Marker:
			p.result.Unchanged++
		case was.plain:
			p.changed = append(p.changed, models.Record{ID: was.id, RemoteID: r.RemoteID, Base: r.Fields, Marker: r.Marker})
			p.note(was.id, same)
		default:
			careful = append(careful, was.id)
			incoming[was.id] = r
		}
	}
	return fresh, p.rebase(careful, incoming)
}

func (p *pageSave) known() (map[string]stateOf, error) {
	ids := make([]string, len(p.records))
	for i, r := range p.records {
		ids[i] = r.RemoteID
	}
	rows, err := p.tx.query("SELECT id, remote_id, base_hash, coalesce(marker, ''), edits IS NULL AND state = 0 FROM "+p.c.records+
		" WHERE "+p.tx.in("remote_id"), listOf(p.tx.s.dialect, ids))
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }()
	known := make(map[string]stateOf, len(ids))
	for rows.Next() {
		var remote string
		var was stateOf
		if err := rows.Scan(&was.id, &remote, &was.hash, &was.marker, &was.plain); err != nil {
			return nil, err
		}
		known[remote] = was
	}
	return known, rows.Err()
}

// rebase puts what the service says under edited records (Promise 1), and takes
// those back that were thought gone.
func (p *pageSave) rebase(ids []int64, incoming map[int64]RemoteRecord) error {
	if len(ids) == 0 {
		return nil
	}
	stored, err := p.c.byID(ids)
	if err != nil {
		return err
	}
	for _, id := range ids {
		before, r := stored[id], incoming[id]
		after := models.Rebase(p.c.columns(), before, r.Fields)
		after.Marker = r.Marker
		if after.State == models.RecordRemoteDeleted {
			after.State = models.RecordLive
		}
		same := bytes.Equal(before.Base, r.Fields)
		if len(models.ConflictsOf(p.c.columns(), &after)) > 0 {
			p.conflicts++
		}
		if same && before.State == after.State && before.Marker == after.Marker && len(before.Edits) == len(after.Edits) {
			p.result.Unchanged++
			continue
		}
		p.c.countEdited(&before, &after)
		p.changed = append(p.changed, after)
		p.note(id, same && before.State == after.State)
	}
	return nil
}

// note counts a written record. One whose content is the same, and only its
// marker is new, is no change to anybody.
func (p *pageSave) note(id int64, same bool) {
	if same {
		p.result.Unchanged++
		return
	}
	p.result.Updated++
	p.told = append(p.told, models.RecordChanged{ID: id})
}

// add loads new records under ids in a row, so that what was seen stays small.
func (p *pageSave) add(fresh []RemoteRecord) error {
	if len(fresh) == 0 {
		return nil
	}
	first, err := p.c.newIDs(len(fresh))
	if err != nil {
		return err
	}
	p.fresh = make([]models.Record, len(fresh))
	for i, r := range fresh {
		p.fresh[i] = models.Record{ID: first + int64(i), RemoteID: r.RemoteID, Base: r.Fields, Marker: r.Marker}
	}
	p.seen.AddRange(uint64(first), uint64(first)+uint64(len(fresh))) //nolint:gosec // ids are positive
	p.result.Created = int64(len(fresh))
	return p.c.insert(p.fresh)
}

// deletions removes what the service itself says is gone.
func (p *pageSave) deletions() error {
	if len(p.page.Deleted) == 0 {
		return nil
	}
	gone := slices.DeleteFunc(slices.Clone(p.page.Deleted), func(id string) bool { return p.newer[id] })
	p.result.PassedOver += int64(len(p.page.Deleted) - len(gone))
	found, err := p.c.find(p.tx.in("remote_id"), listOf(p.tx.s.dialect, gone))
	if err != nil {
		return err
	}
	swept, err := p.c.sweep(found)
	if err != nil {
		return err
	}
	p.result.Deleted = swept.Removed + swept.Kept
	for _, r := range found {
		p.gone = append(p.gone, models.RecordChanged{ID: r.ID})
	}
	return nil
}

// checkpoint stores where to go on from and what was seen.
func (p *pageSave) checkpoint(row *downloadRunRow) error {
	if !p.seen.IsEmpty() {
		p.seen.RunOptimize()
		ids, err := p.seen.ToBytes()
		if err != nil {
			return err
		}
		if err := p.tx.queue("INSERT INTO download_seen (run_id, n, ids) VALUES (?, ?, ?)", row.ID, row.Pages, ids); err != nil {
			return err
		}
	}
	row.Pages++
	row.Seen += int64(len(p.records))
	row.Cursor, row.Complete = p.page.Cursor, p.page.Complete
	p.result.Unchanged += p.result.PassedOver
	row.PassedOver += p.result.PassedOver
	if p.page.Watermark != nil {
		row.Watermark = p.page.Watermark
	}
	progress := &row.Progress.V
	progress.Done += int64(len(p.records) + len(p.page.Deleted))
	progress.Created += p.result.Created
	progress.Updated += p.result.Updated
	progress.Unchanged += p.result.Unchanged
	progress.Deleted += p.result.Deleted
	progress.Conflicts += p.conflicts
	if p.page.Total > 0 || p.page.Complete {
		progress.Total = max(p.page.Total, progress.Done)
	}
	progress.Step = "reading"
	row.Warnings = asJSON(boundWarnings(row.Warnings.V, p.page.Warnings))
	return p.c.finish()
}

// tell writes the run and, not too often, the events of its progress.
func (p *pageSave) tell(row *downloadRunRow) error {
	due := p.page.Complete || micros(p.tx.now)-row.ProgressedAt >= progressEvery.Microseconds()
	if due {
		row.ProgressedAt = micros(p.tx.now)
	}
	err := p.tx.queue(`UPDATE download_runs SET cursor = ?, complete = ?, watermark = ?, seen = ?, pages = ?, progress = ?, warnings = ?,
		progressed_at = ?, passed_over = ? WHERE id = ?`, row.Cursor, row.Complete, row.Watermark, row.Seen, row.Pages, row.Progress, row.Warnings,
		row.ProgressedAt, row.PassedOver, row.ID)
	if err != nil {
		return err
	}
	if err := p.c.tell(models.EventRecordsChanged, p.told); err != nil {
		return err
	}
	if err := p.c.tell(models.EventRecordsDeleted, p.gone); err != nil {
		return err
	}
	if !due {
		return nil
	}
	if err := p.tx.progress(row.JobID, row.TableID, row.Progress.V, p.page.Complete); err != nil {
		return err
	}
	return p.tx.tableChanged(&p.c.row, models.ChangeUpdated)
}
