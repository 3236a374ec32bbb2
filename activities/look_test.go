package activities

import (
	"context"
	"fmt"
	"io"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/scratch-platform/scratch/connectors"
	"github.com/scratch-platform/scratch/models"
	"github.com/scratch-platform/scratch/models/store"
)

// Promise 4: breaks when a record of which no cell was noted is deleted though it
// is another version than the one that was reviewed.
func TestADeleteMindsTheVersion(t *testing.T) {
	s := updating(&settles{}, holds{}, models.OpDelete)
	noted := func(marker string) prepared {
		return prepared{item: models.Item{ID: "itm_1", Op: models.OpDelete, RemoteID: "1", Marker: marker}}
	}
	require.Nil(t, s.compare(noted("v1"), connectors.Record{RemoteID: "1", Marker: "v1"}))
	require.Nil(t, s.compare(noted(""), connectors.Record{RemoteID: "1", Marker: "v1"}), "a service without versions")
	settled := s.compare(noted("v1"), connectors.Record{RemoteID: "1", Marker: "v2"})
	require.NotNil(t, settled)
	require.Equal(t, models.ItemConflict, settled.State)
}

// lists is a service that cannot be asked by id, only for all its ids, and breaks
// off where one is "!".
type lists []string

func (lists) Service() string { return "memory" }
func (lists) Close() error    { return nil }
func (l lists) ListIDs(context.Context, connectors.ReadRequest) (connectors.IDPages, error) {
	return &listed{left: l}, nil
}

type listed struct{ left []string }

func (l *listed) Close() error { return nil }
func (l *listed) Next(context.Context) (ids []string, cursor []byte, err error) {
	if len(l.left) == 0 {
		return nil, nil, io.EOF
	}
	next := l.left[0]
	l.left = l.left[1:]
	if next == "!" {
		return nil, nil, io.ErrUnexpectedEOF
	}
	return []string{next}, nil, nil
}

// Promise 2: breaks when a record goes that the second look at all ids shows, or
// when a second look that shows nothing, or broke off, counts as one.
func TestASecondLookConfirmsWhatIsGone(t *testing.T) {
	candidates := make([]store.RecordRef, 3)
	for i := range candidates {
		candidates[i] = store.RecordRef{ID: int64(i + 1), RemoteID: strconv.Itoa(i + 1)}
	}
	for _, c := range []struct {
		shows lists
		gone  []int64 // nil: nothing is concluded
	}{
		{shows: lists{"7", "2", "8"}, gone: []int64{1, 3}},
		{shows: lists{"1", "2", "3"}, gone: []int64{}},
		{shows: lists{"7"}, gone: []int64{1, 2, 3}},
		{shows: lists{}},
		{shows: lists{"7", "!"}},
	} {
		t.Run(fmt.Sprint(c.shows), func(t *testing.T) {
			look := &confirming{remote: &remote{connector: c.shows}, run: &models.DownloadRun{}}
			gone, err := look.confirm(t.Context(), candidates)
			require.Equal(t, c.gone == nil, err != nil, "%v", err)
			require.Equal(t, c.gone, gone)
		})
	}
}

// Promise 2: breaks when anything but the service's own end of an enumeration is
// stored as one: what was not read would count as gone.
func TestOnlyTheEndIsAnEnd(t *testing.T) {
	for name, c := range map[string]struct {
		ended    error
		complete bool
	}{
		"the end":             {io.EOF, true},
		"it broke off":        {io.ErrUnexpectedEOF, false},
		"the turn is over":    {errTurnOver, false},
		"the service is away": {&connectors.Error{Kind: connectors.KindUnavailable, Service: "memory"}, false},
	} {
		t.Run(name, func(t *testing.T) {
			fetched, batches := make(chan connectors.Page, 1), make(chan store.PageWrite, 2)
			fetched <- connectors.Page{Records: []connectors.Record{{RemoteID: "1"}}}
			close(fetched)
			require.NoError(t, gather(t.Context(), fetched, &c.ended, batches))
			close(batches)
			records, complete := 0, false
			for page := range batches {
				records, complete = records+len(page.Records), complete || page.Complete
			}
			require.Equal(t, 1, records, "what was read is stored")
			require.Equal(t, c.complete, complete)
		})
	}
}
