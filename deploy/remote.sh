#!/usr/bin/env bash
# Runs deploy/upgrade.sh on the machine that Scratch runs on, from a pipeline:
#
#   deploy/remote.sh migrate|deploy IMAGE
#   deploy/remote.sh rollback
#
#   DEPLOY_HOST   user@machine
#   DEPLOY_PATH   the checkout there, with its .env
#   DEPLOY_KEY    file with the user's private key (else ssh's own)
#   DEPLOY_HOSTS  file with the machine's public key (else ssh's own)
#   CI_COMMIT_SHA the commit whose compose file and scripts are used (else what is there)
set -euo pipefail

: "${DEPLOY_HOST:?user@machine that runs docker-compose.temporal.yml}"
: "${DEPLOY_PATH:?the checkout on that machine}"
options=(-o BatchMode=yes)
[[ -z ${DEPLOY_KEY:-} ]] || options+=(-i "$DEPLOY_KEY")
[[ -z ${DEPLOY_HOSTS:-} ]] || options+=(-o "UserKnownHostsFile=$DEPLOY_HOSTS" -o StrictHostKeyChecking=yes)

# Everything is quoted once for the shell over there.
printf -v path '%q' "$DEPLOY_PATH"
printf -v words '%q ' "$@"
fetch=:
if [[ -n ${CI_COMMIT_SHA:-} ]]; then
  printf -v commit '%q' "$CI_COMMIT_SHA"
  fetch="git fetch -q origin $commit && git checkout -q --detach $commit"
fi
exec ssh "${options[@]}" "$DEPLOY_HOST" "cd $path && $fetch && deploy/upgrade.sh $words"
