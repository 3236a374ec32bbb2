#!/usr/bin/env bash
# What make does with the page in web/: tools/web.sh build|lint|test|e2e|e2e-temporal [TEST…]
#
# build  without npm says so and goes on: the binary then carries a note.
# lint, test and e2e fail without npm: nothing is skipped silently.
# e2e    drives bin/scratch with Chromium. The tests find both in
#        SCRATCH_TEST_BINARY and SCRATCH_TEST_CHROMIUM.
# e2e-temporal  drives Temporal's own Web UI; the Go tests that run it say where.
set -euo pipefail
cd "$(dirname "$0")/../web"

say() { echo "web: $*" >&2; }

# newer FILE PATH...: is anything below the paths newer than the file?
newer() {
  local file=$1
  shift
  [[ ! -e $file ]] || [[ -n $(find "$@" -newer "$file" -type f -print -quit 2>/dev/null) ]]
}

need_npm() {
  command -v npm >/dev/null && return
  say "npm is not there: install Node.js 20.19 or newer"
  exit 3
}

install_modules() {
  if newer node_modules/.package-lock.json package-lock.json; then
    say "installing the page's modules (npm ci)"
    npm ci --no-audit --no-fund --loglevel=error >&2
    touch node_modules/.package-lock.json
  fi
}

build() {
  [[ -e package.json ]] || return 0
  if ! command -v npm >/dev/null; then
    say "npm is not there: the binary is built without the page"
    return
  fi
  install_modules
  if newer dist/app/index.html src public index.html package-lock.json vite.config.ts; then
    say "building the page"
    npm run --silent build >&2
  fi
}

chromium() {
  local name
  for name in chromium chromium-browser google-chrome; do
    type -P "$name" && return # the program, not this function
  done
  if [[ $(id -u) == 0 ]] && command -v apt-get >/dev/null; then
    say "installing Chromium with apt-get"
    { apt-get update -q || true; DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends chromium; } >&2
    type -P chromium
    return
  fi
  say "the browser tests need Chromium: install it, or name one in SCRATCH_TEST_CHROMIUM"
  return 3
}

case ${1:-} in
  build) build ;;
  lint | test)
    [[ -e package.json ]] || exit 0
    need_npm
    install_modules
    npm run --silent "$1"
    ;;
  e2e | e2e-temporal)
    # The suite is part of the page; before there is one there is nothing to run.
    [[ -e e2e/vitest.config.ts ]] || exit 0
    need_npm
    install_modules
    SCRATCH_TEST_CHROMIUM=${SCRATCH_TEST_CHROMIUM:-$(chromium)}
    export SCRATCH_TEST_CHROMIUM SCRATCH_TEST_BINARY="$PWD/../bin/scratch"
    npm run --silent "$1" -- "${@:2}"
    ;;
  *)
    echo "usage: tools/web.sh build|lint|test|e2e|e2e-temporal" >&2
    exit 2
    ;;
esac
