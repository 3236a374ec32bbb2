#!/usr/bin/env bash
# make fuzz: run every fuzz target of the module for FUZZTIME (30s) each.
# A crash is kept below the package's testdata/fuzz: commit it with the fix.
set -euo pipefail
cd "$(dirname "$0")/.."
time=${FUZZTIME:-30s}
ran=0
while IFS=: read -r file line; do
  name=$(sed -E 's/^func (Fuzz[A-Za-z0-9_]*).*/\1/' <<<"$line")
  package=./$(dirname "$file")
  echo "fuzz: $package $name for $time"
  go test -run '^$' -fuzz "^$name\$" -fuzztime "$time" "$package"
  ran=$((ran + 1))
done < <(git grep -E '^func Fuzz[A-Za-z0-9_]*\(' -- '*_test.go')
((ran > 0)) || { echo "fuzz: no fuzz target found" >&2; exit 1; }
