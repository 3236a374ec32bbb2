package store

import (
	"context"

	"github.com/scratch-platform/scratch/models"
)

type actorKey struct{}

// WithActor puts who acts into the context: events of changes made with it
// carry the actor's tab as their origin, so that the tab can ignore them.
func WithActor(ctx context.Context, actor models.Actor) context.Context {
	return context.WithValue(ctx, actorKey{}, actor)
}

// actor is who acts, or nobody.
func (tx *Tx) actor() models.Actor {
	actor, _ := tx.ctx.Value(actorKey{}).(models.Actor)
	return actor
}

// origin is the tab that caused the transaction.
func (tx *Tx) origin() string { return tx.actor().Tab }

// emitUsers tells every person of the organization: the lists of snapshots and
// connections have no topic of their own.
func (tx *Tx) emitUsers(kind string, data any) error {
	var ids []string
	if err := tx.rows(&userRow{}).Order("id").Limit(maxPage).Pluck("id", &ids).Error; err != nil {
		return err
	}
	for _, id := range ids {
		if err := tx.emit(models.UserTopic(id), kind, tx.origin(), data); err != nil {
			return err
		}
	}
	return nil
}
