package live

import (
	"context"

	"github.com/scratch-platform/scratch/models"
	"github.com/scratch-platform/scratch/models/store"
)

// storeLog reads the log from the store.
type storeLog struct{ store *store.Store }

// NewStoreLog gives the store's event log to the hub.
func NewStoreLog(s *store.Store) Log { return storeLog{store: s} }

func (l storeLog) Events(ctx context.Context, organizationID, topic, after string, limit int) ([]models.Event, bool, error) {
	return l.store.Org(organizationID).Events(ctx, topic, after, limit)
}

func (l storeLog) Latest(ctx context.Context, organizationID, topic string) (string, error) {
	return l.store.Org(organizationID).LatestEventID(ctx, topic)
}

func (l storeLog) JobEnd(ctx context.Context, organizationID, jobID string) (*models.JobChanged, error) {
	return l.store.Org(organizationID).JobEnd(ctx, jobID)
}

func (l storeLog) Moved(ctx context.Context, known map[string]string) ([]string, error) {
	return l.store.System().Moved(ctx, known)
}

func (l storeLog) CanRead(ctx context.Context, actor models.Actor, topic string) (bool, error) {
	return l.store.Org(actor.OrganizationID).CanRead(ctx, actor.UserID, topic)
}
