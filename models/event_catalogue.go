package models

import "encoding/json"

// EventPresenceChanged says where a person is. It is not kept in the log: it
// has no id, and a client that was away does not get it.
const EventPresenceChanged = "presence.changed"

// PresenceChanged is where one of a topic's followers is.
type PresenceChanged struct {
	UserID string          `json:"user_id"`
	Name   string          `json:"name"`
	Tab    string          `json:"tab"`          // the browser tab; one person may have several
	At     json.RawMessage `json:"at,omitempty"` // as the follower sent it: ids of a table, record, column
}

// EventType is one kind of event: what docs/events.md says of it and the web
// client is typed from.
type EventType struct {
	Name    string
	Topics  []string // forms of the topics that carry it
	Says    string   // one sentence
	Payload any      // zero value of the data
	Passing bool     // not kept in the log
}

// EventTypes lists every kind of event there is, in the order people read about
// them.
func EventTypes() []EventType {
	snapshot, job, user := SnapshotTopic("<id>"), JobTopic("<id>"), UserTopic("<id>")
	return []EventType{
		{Name: EventRecordsChanged, Topics: []string{snapshot}, Payload: RecordsChanged{}, Says: "Cells or states of records changed, by a person or a download."},
		{Name: EventRecordsCreated, Topics: []string{snapshot}, Payload: RecordsChanged{}, Says: "Records were added."},
		{Name: EventRecordsDeleted, Topics: []string{snapshot}, Payload: RecordsChanged{}, Says: "Records went away, or were marked deleted."},
		{Name: EventSuggestionsCreated, Topics: []string{snapshot}, Payload: SuggestionsChanged{}, Says: "Values were proposed."},
		{Name: EventSuggestionsDecided, Topics: []string{snapshot}, Payload: SuggestionsChanged{}, Says: "Proposed values were accepted or rejected."},
		{Name: EventTableChanged, Topics: []string{snapshot}, Payload: TableChanged{}, Says: "A table was added, removed or renamed, or its counts moved."},
		{Name: EventSchemaChanged, Topics: []string{snapshot}, Payload: SchemaChanged{}, Says: "A table's columns changed."},
		{Name: EventViewChanged, Topics: []string{snapshot}, Payload: ViewChanged{}, Says: "A saved view was added, removed or changed."},
		{Name: EventSnapshotChanged, Topics: []string{snapshot, user}, Payload: SnapshotChanged{}, Says: "A snapshot was added, removed or renamed."},
		{Name: EventScheduleChanged, Topics: []string{snapshot}, Payload: ScheduleChanged{}, Says: "A schedule was added, removed or changed, or one of its times came."},
		{Name: EventPlanChanged, Topics: []string{snapshot}, Payload: PlanChanged{}, Says: "A publish plan or its items moved on."},
		{Name: EventJobChanged, Topics: []string{job, snapshot}, Payload: JobChanged{}, Says: "A job's state changed."},
		{Name: EventJobProgressed, Topics: []string{job}, Payload: JobProgressed{}, Says: "A job's counters moved; at most four times a second."},
		{Name: EventConnectionChanged, Topics: []string{user}, Payload: ConnectionChanged{}, Says: "A connection was added, removed or changed."},
		{Name: EventPresenceChanged, Topics: []string{snapshot}, Payload: PresenceChanged{}, Says: "A colleague moved.", Passing: true},
	}
}
