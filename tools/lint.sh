#!/usr/bin/env bash
# make lint: every check runs, and the end says which ones failed.
# The tools are the pinned ones of tools/*/go.mod, by construction.
set -uo pipefail
cd "$(dirname "$0")/.."

failed=()
check() {
  local what=$1
  shift
  echo "lint: $what"
  "$@" || failed+=("$what")
}

tool() { go run ./tools/toolpath "$1"; }

golangci=$(tool golangci-lint) && workflowcheck=$(tool workflowcheck) || exit 3

check "golangci-lint $("$golangci" version --short)" "$golangci" run ./...
# What a workflow must not do (network, disk, clock, environment, map order), in
# anything it calls.
check "workflowcheck" "$workflowcheck" ./...
check "the page" tools/web.sh lint

if ((${#failed[@]})); then
  printf 'lint: FAILED: %s\n' "${failed[@]}"
  exit 1
fi
echo "lint: clean"
