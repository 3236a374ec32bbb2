package store

import (
	"database/sql/driver"
	"fmt"
	"strings"
	"sync"

	sqlitedriver "modernc.org/sqlite"

	"github.com/scratch-platform/scratch/models"
)

// decimalKeyFunction gives SQLite, which has no decimals beyond 15 digits, text
// that sorts as numbers do. It is deterministic: indexes are built on it.
const decimalKeyFunction = "scratch_decimal_key"

// registerDecimalKey adds the function to every connection the driver opens
// from now on; the driver takes functions for the whole process, once.
var registerDecimalKey = sync.OnceValue(func() error {
	err := sqlitedriver.RegisterDeterministicScalarFunction(decimalKeyFunction, 1,
		func(_ *sqlitedriver.FunctionContext, args []driver.Value) (driver.Value, error) {
			text, ok := args[0].(string)
			if !ok {
				return nil, nil //nolint:nilnil // NULL in, NULL out
			}
			d, ok := models.ParseDecimal(strings.TrimSpace(text))
			if !ok {
				return nil, nil //nolint:nilnil // no number: no key
			}
			return d.Key(), nil
		})
	if err != nil {
		return fmt.Errorf("register %s with SQLite: %w", decimalKeyFunction, err)
	}
	return nil
})
