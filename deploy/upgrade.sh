#!/usr/bin/env bash
# Changes the build that docker-compose.temporal.yml runs on this machine:
#
#   deploy/upgrade.sh migrate  IMAGE  bring the database to the image's version
#   deploy/upgrade.sh deploy   IMAGE  start it beside the build before, and send new runs to it
#   deploy/upgrade.sh rollback        send new runs back to the build before
#   deploy/upgrade.sh finish          stop the workers of the build before, once they are drained
#
# It writes SCRATCH_IMAGE, SCRATCH_IMAGE_BEFORE and COMPOSE_PROFILES into .env, so
# that a restart of the machine finds the same.
set -euo pipefail
cd "$(dirname "$0")/.."

compose() { docker compose -f docker-compose.temporal.yml "$@"; }
say() { echo "upgrade: $*" >&2; }

# get NAME: its value in .env, the last one counts; nothing when it is not set.
get() { sed -n "s/^$1=//p" .env | tail -n 1; }

# put NAME VALUE: set it in .env, in one step.
put() {
  { grep -v "^$1=" .env || true; echo "$1=$2"; } > .env.new
  chmod 600 .env.new
  mv .env.new .env
}

# there IMAGE: it is on this machine, or is fetched now, before anything is changed.
# Compose would otherwise build this checkout under the image's name.
there() {
  docker image inspect "$1" >/dev/null 2>&1 || docker pull -q "$1" >&2 && return
  say "the image $1 is not here and cannot be fetched: build it, or log in to its registry (docker login)"
  exit 3
}

[[ -e .env ]] || { say "there is no .env here: copy .env.example and set what it requires"; exit 3; }
command -v docker >/dev/null || { say "docker is not there"; exit 3; }

what=${1:-} image=${2:-}
case $what in
migrate | deploy)
  [[ -n $image ]] || { say "name the image"; exit 2; }
  there "$image"
  ;;
esac
case $what in
migrate)
  # Older builds go on beside the newer schema until they are drained.
  SCRATCH_IMAGE=$image compose run --rm migrate
  ;;
deploy)
  now=$(get SCRATCH_IMAGE)
  now=${now:-scratch:local}
  if [[ $image != "$now" ]]; then
    put SCRATCH_IMAGE_BEFORE "$now"
    put SCRATCH_IMAGE "$image"
    put COMPOSE_PROFILES before
  fi
  compose up -d --no-build --wait
  compose run --rm deploy deploy status
  ;;
rollback)
  compose run --rm deploy deploy rollback
  ;;
finish)
  state=$(compose run --rm -T deploy deploy status)
  echo "$state"
  if grep -q '^draining ' <<<"$state"; then
    say "a build is still draining: its runs would wait for ever without its workers; try again when it shows as drained"
    exit 1
  fi
  compose stop worker-before
  compose rm -f worker-before
  put COMPOSE_PROFILES ""
  ;;
*)
  sed -n '2,10s/^# \{0,1\}//p' "$0" >&2
  exit 2
  ;;
esac
