package api

import (
	"strconv"

	"github.com/scratch-platform/scratch/models"
)

func formatID(id int64) string { return strconv.FormatInt(id, 10) }

var _ = models.Query{}
