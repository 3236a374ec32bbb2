package store

import (
	"bytes"

	"github.com/scratch-platform/scratch/models"
)

// settledRecords carries what settled items mean for the records of one table.
type settledRecords struct {
	c       *recordChanges
	records map[int64]models.Record // as they are now
	before  map[int64]models.Record // as they were
	twins   map[string]models.Record
	changed map[int64]bool
	gone    map[int64]bool
}

// openSettled reads the records of items, and those other records that a
// download has meanwhile brought in for what our own creates made.
func (tx *Tx) openSettled(c *recordChanges, rows []itemRow, by map[string]Settlement) (*settledRecords, error) {
	ids := make([]int64, 0, len(rows))
	var remotes []string
	for i := range rows {
		ids = append(ids, rows[i].RecordID)
		if id := by[rows[i].ID].RemoteID; id != "" && rows[i].Op == models.OpCreate {
			remotes = append(remotes, id)
		}
	}
	records, err := c.byID(ids)
	if err != nil {
		return nil, err
	}
	e := &settledRecords{
		c: c, records: records, before: make(map[int64]models.Record, len(records)), twins: map[string]models.Record{},
		changed: map[int64]bool{}, gone: map[int64]bool{},
	}
	for id, r := range records {
		e.before[id] = r
	}
	if len(remotes) == 0 {
		return e, nil
	}
	twins, err := c.find(tx.in("remote_id"), listOf(tx.s.dialect, remotes))
	for _, r := range twins {
		e.twins[r.RemoteID] = r
	}
	return e, err
}

// apply changes the record of one item; again says that the item was applied
// before and is now read back. A record that is gone here needs nothing.
func (e *settledRecords) apply(row *itemRow, done Settlement, again bool) {
	record, there := e.records[row.RecordID]
	if !there || e.gone[row.RecordID] {
		return
	}
	if done.State == models.ItemApplied && row.Op == models.OpDelete {
		e.deleted(record)
		return
	}
	if again && done.Stored == nil {
		return // nothing new was learnt
	}
	changed := e.adopt(&record, row, done)
	switch {
	case done.State == models.ItemApplied:
		record = e.settled(record, row, done)
		changed = true
	case done.Stored != nil && record.State != models.RecordNew:
		// What the look before the write, or a step, showed: a conflict is seen
		// at once, with both values (Promise 4).
		record = models.Rebase(e.c.columns(), record, done.Stored.Fields)
		record.Marker = done.Stored.Marker
		changed = true
	}
	if changed {
		e.records[record.ID] = record
		e.changed[record.ID] = true
	}
}

// crossed reports whether another base was stored for the item's record while
// the service was asked for it: by a download, whose page may be the newer.
func (e *settledRecords) crossed(row *itemRow, done Settlement) bool {
	record, there := e.records[row.RecordID]
	if !there || done.ReadOver == nil || done.Stored == nil {
		return false
	}
	hash := models.HashOf(record.Base)
	return !bytes.Equal(hash[:], done.ReadOver)
}

// deleted removes a record whose delete was applied. One that somebody meanwhile
// wanted back is kept, as gone at its service.
func (e *settledRecords) deleted(record models.Record) {
	if record.State == models.RecordDeleted {
		e.gone[record.ID] = true
		return
	}
	record.State = models.RecordRemoteDeleted
	e.records[record.ID], e.changed[record.ID] = record, true
}

// adopt takes a create's remote id over into the record, whatever became of the
// item: the object exists, and must never be created again (Promise 5). Where a
// download has brought the object in already, as another record, that one is
// taken into ours: its base, and edits made on it since.
func (e *settledRecords) adopt(record *models.Record, row *itemRow, done Settlement) bool {
	if row.Op != models.OpCreate || done.RemoteID == "" || record.RemoteID == done.RemoteID {
		return false
	}
	record.RemoteID = done.RemoteID
	if twin, is := e.twins[done.RemoteID]; is && twin.ID != record.ID {
		if now, changed := e.records[twin.ID]; changed {
			twin = now
		}
		e.takeIn(record, twin)
	}
	e.twins[done.RemoteID] = *record // two creates that a service made into one object are one record
	if done.State == models.ItemApplied || record.State != models.RecordNew {
		return true // settled below
	}
	// It exists, and is not all it should be: its edits go on from what is there.
	record.State = models.RecordLive
	now := record.Base
	if done.Stored != nil {
		now = done.Stored.Fields
	}
	bases := cloned(record.EditBases)
	for column := range record.Edits {
		if cell := models.CellOf(now, column); cell != nil {
			bases[column] = cell
		}
	}
	record.EditBases = bases
	*record = models.Rebase(e.c.columns(), *record, now)
	return true
}

// takeIn dissolves the record that a download made of our own create.
func (e *settledRecords) takeIn(record *models.Record, twin models.Record) {
	if _, known := e.before[twin.ID]; !known {
		e.before[twin.ID] = twin
	}
	e.gone[twin.ID] = true
	record.Base, record.Marker = twin.Base, twin.Marker
	for column, edit := range twin.Edits {
		if _, mine := record.Edits[column]; mine {
			continue
		}
		edits, bases := cloned(record.Edits), cloned(record.EditBases)
		edits[column] = edit
		if base, ok := twin.EditBases[column]; ok {
			bases[column] = base
		}
		record.Edits, record.EditBases = edits, bases
	}
}

func cloned(f models.Fields) models.Fields {
	out := make(models.Fields, len(f)+1)
	for k, v := range f {
		out[k] = v
	}
	return out
}

// settled is the record after its create or update was applied. Where the
// service did not say what it stored, it is taken to hold what was sent, until
// it is read back.
func (e *settledRecords) settled(record models.Record, row *itemRow, done Settlement) models.Record {
	stored, marker := models.Overlay(record.Base, models.Fields(row.Cells)), ""
	if done.Stored != nil {
		stored, marker = done.Stored.Fields, done.Stored.Marker
	}
	record = models.Settle(record, models.Fields(row.Cells), stored)
	record.Marker = marker
	return record
}

// save writes the records, the counters, and the events that tell of them.
func (e *settledRecords) save() error {
	var goneIDs []int64
	var gone, moved []models.RecordChanged
	var records []models.Record
	for id := range e.gone {
		before := e.before[id]
		goneIDs = append(goneIDs, id)
		gone = append(gone, models.RecordChanged{ID: id, Version: before.Version})
		e.c.countEdited(&before, nil)
	}
	// Removed first: a record may take over the remote id of one that goes.
	if err := e.c.remove(goneIDs); err != nil {
		return err
	}
	if err := e.c.tx.rejectSuggestions(e.c.row.ID, goneIDs); err != nil {
		return err
	}
	for id := range e.changed {
		if e.gone[id] {
			continue
		}
		before, after := e.before[id], e.records[id]
		e.c.countEdited(&before, &after)
		records = append(records, after)
		moved = append(moved, models.RecordChanged{ID: id, Version: after.Version + 1})
	}
	if err := e.c.saveBases(records); err != nil {
		return err
	}
	if err := e.c.finish(); err != nil {
		return err
	}
	if err := e.c.tell(models.EventRecordsDeleted, gone); err != nil {
		return err
	}
	return e.c.tell(models.EventRecordsChanged, moved)
}

// rejectSuggestions closes what was still proposed for records that are gone.
func (tx *Tx) rejectSuggestions(tableID string, records []int64) error {
	if len(records) == 0 {
		return nil
	}
	_, err := tx.exec("UPDATE suggestions SET state = 'rejected', decided_at = ? WHERE organization_id = ? AND table_id = ? AND state = 'open' AND "+
		tx.in("record_id"), micros(tx.now), tx.org, tableID, listOf(tx.s.dialect, records))
	return err
}
