package store

import (
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
			p := newPageSave(tx, run, page, records, allNew)
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

// pageRecords are the records of a page, each once.
type pageRecords struct {
	list []RemoteRecord
	at   map[string]int // place in list, by remote id
}

// distinct keeps the last of records given twice, and refuses those too large
// or without an id.
func distinct(records []RemoteRecord) (pageRecords, error) {
	page := pageRecords{list: records, at: make(map[string]int, len(records))}
	for i, r := range records {
		if len(r.Fields) > models.MaxRecordBytes {
			return page, models.NewProblem(models.KindTooLarge, "records.too_large",
				fmt.Sprintf("the record %q has %d bytes", models.Bound(r.RemoteID, 100), len(r.Fields)),
				fmt.Sprintf("a record holds at most %d MB; shorten it at the service", models.MaxRecordBytes>>20))
		}
		if r.RemoteID == "" {
			return page, models.NewProblem(models.KindInternal, "records.no_id", "the connector gave a record without an id",
				"report this as a fault of the connector")
		}
		page.at[r.RemoteID] = i
	}
	if len(page.at) == len(records) {
		return page, nil
	}
	page.list = make([]RemoteRecord, 0, len(page.at))
	for i, r := range records {
		if page.at[r.RemoteID] == i {
			page.at[r.RemoteID] = len(page.list)
			page.list = append(page.list, r)
		}
	}
	return page, nil
}

// pageSave is the work of one page's transaction. Without a lock it may load or
// compare ahead of its turn (downloads_ahead.go); what it tells and concludes
// comes after lock.
type pageSave struct {
	tx      *Tx
	page    PageWrite
	records pageRecords
	allNew  bool
	asOf    int64

	c         *recordChanges
	row       downloadRunRow
	version   int64 // of the table's records before the page
	seen      *roaring64.Bitmap
	newer     map[string]bool // remote ids settled after the page was asked for
	unknown   []RemoteRecord  // are not here yet
	careful   []carefulRecord
	changed   []models.Record
	places    []tid                  // of those among changed that are compared and plain
	told      []models.RecordChanged // changed or gone, for events
	gone      []models.RecordChanged
	conflicts int64
	result    PageResult
}

func newPageSave(tx *Tx, run *models.DownloadRun, page PageWrite, records pageRecords, allNew bool) *pageSave {
	p := &pageSave{tx: tx, page: page, records: records, allNew: allNew, asOf: page.AsOf, seen: roaring64.New()}
	if p.asOf == 0 {
		p.asOf = run.AsOf
	}
	return p
}

func (p *pageSave) run(run *models.DownloadRun) (models.DownloadRun, error) {
	// Promise 5: whether a record was here before a create was sent is told by
	// when it came and when that was, both by one clock.
	err := p.tx.readClock()
	if err != nil {
		return *run, err
	}
	if err := p.lock(run); err != nil {
		return *run, err
	}
	p.unknown = p.records.list
	if !p.allNew || len(p.newer) > 0 {
		if err := p.compare(); err != nil {
			return *run, err
		}
	}
	if err := p.write(); err != nil {
		return *run, err
	}
	return p.finish()
}

// lock takes the table's row and the run's, which fences older attempts, and
// finds out what was settled since the page was asked for.
func (p *pageSave) lock(run *models.DownloadRun) (err error) {
	if p.c, err = p.tx.changeRecords(run.TableID); err != nil {
		return err
	}
	p.version = p.c.row.RecordsVersion
	if p.row, err = p.tx.lockRun(run); err != nil {
		return err
	}
	p.newer, err = p.tx.settledSince(&p.c.row, p.asOf)
	return err
}

// write stores what compare found.
func (p *pageSave) write() error {
	if err := p.rebase(); err != nil {
		return err
	}
	if err := p.add(p.unknown); err != nil {
		return err
	}
	return p.c.saveBases(p.changed)
}

// finish stores what is left of a page once its records are written, the place
// to go on from last.
func (p *pageSave) finish() (models.DownloadRun, error) {
	if err := p.deletions(); err != nil {
		return models.DownloadRun{}, err
	}
	// Promise 7: the cursor moves in the transaction of its page.
	if err := p.checkpoint(&p.row); err != nil {
		return models.DownloadRun{}, err
	}
	p.result.Version = p.c.row.RecordsVersion
	return p.row.run(), p.tell(&p.row)
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
	return p.c.insert(p.underIDs(fresh, first))
}

// underIDs makes records of what is new, and notes them as seen and created.
func (p *pageSave) underIDs(fresh []RemoteRecord, first int64) []models.Record {
	records := make([]models.Record, len(fresh))
	for i, r := range fresh {
		records[i] = models.Record{ID: first + int64(i), RemoteID: r.RemoteID, Base: r.Fields, Marker: r.Marker}
	}
	p.seen.AddRange(uint64(first), uint64(first)+uint64(len(fresh))) //nolint:gosec // ids are positive
	p.result.Created = int64(len(fresh))
	return records
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
