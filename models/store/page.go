package store

import (
	"gorm.io/gorm"

	"github.com/scratch-platform/scratch/models"
)

// Page asks for a part of a list: at most Limit entries (0 takes 50, at most
// 500) after Cursor, which is the "next" of the page before, or empty.
type Page struct {
	Limit  int
	Cursor string
}

const (
	defaultPage = 50
	maxPage     = 500
)

func (p Page) size() int {
	switch {
	case p.Limit <= 0:
		return defaultPage
	case p.Limit > maxPage:
		return maxPage
	default:
		return p.Limit
	}
}

// pageByID reads one page of a query in order of id, which is order of
// creation; newest first when descending. The cursor is the last id of the
// page before; prefix is the kind of id it must be.
func pageByID[R any](q *gorm.DB, p Page, prefix string, descending bool, id func(*R) string) (rows []R, next string, err error) {
	if p.Cursor != "" {
		if !models.ValidID(prefix, p.Cursor) {
			return nil, "", models.NewProblem(models.KindInvalid, "list.bad_cursor", "the cursor is not one this list gave",
				"start again without a cursor")
		}
		if descending {
			q = q.Where("id < ?", p.Cursor)
		} else {
			q = q.Where("id > ?", p.Cursor)
		}
	}
	order := "id"
	if descending {
		order = "id DESC"
	}
	if err := q.Order(order).Limit(p.size() + 1).Find(&rows).Error; err != nil {
		return nil, "", err
	}
	if len(rows) > p.size() {
		rows = rows[:p.size()]
		next = id(&rows[len(rows)-1])
	}
	return rows, next, nil
}
