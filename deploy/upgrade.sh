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

[[ -e .env ]] || { say "there is no .env here: copy .env.example and set what it requires"; exit 3; }
command -v docker >/dev/null || { say "docker is not there"; exit 3; }

what=${1:-} image=${2:-}
case $what in
migrate | deploy) [[ -n $image ]] || { say "name the image"; exit 2; } ;;
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
  compose run --rm deploy deploy status
  compose stop worker-before
  compose rm -f worker-before
  put COMPOSE_PROFILES ""
  ;;
*)
  sed -n '2,10s/^# \{0,1\}//p' "$0" >&2
  exit 2
  ;;
esac
