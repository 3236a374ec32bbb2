#!/bin/sh
# Lays Temporal's schemas, or updates them to those of this image: one for runs,
# one for finding them. Run again, it changes nothing that is current. Where the
# databases are and who owns them is told by the SQL_ variables of
# temporal-sql-tool.
set -eu

lay() {
  temporal-sql-tool --database "$1" setup-schema --version 0.0
  temporal-sql-tool --database "$1" update-schema --schema-name "$2"
}

lay "${TEMPORAL_DATABASE:-temporal}" postgresql/v12/temporal
lay "${VISIBILITY_DATABASE:-temporal_visibility}" postgresql/v12/visibility
