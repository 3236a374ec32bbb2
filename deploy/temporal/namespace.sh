#!/bin/sh
# Makes the namespace TEMPORAL_NAMESPACE at TEMPORAL_ADDRESS and the search
# attributes that every run of Scratch carries: without one of them no run starts.
# Run again, it changes nothing that is there.
set -eu

# A port that is open is not yet a server that answers.
attempt=0
until said=$(temporal operator cluster health 2>&1); do
  attempt=$((attempt + 1))
  if [ "$attempt" -ge 60 ]; then
    echo "Temporal at $TEMPORAL_ADDRESS does not answer: $said" >&2
    exit 1
  fi
  sleep 1
done

if ! temporal operator namespace describe --namespace "$TEMPORAL_NAMESPACE" >/dev/null 2>&1; then
  temporal operator namespace create --namespace "$TEMPORAL_NAMESPACE" --retention "${RETENTION:-30d}"
fi

# The servers hear of a new namespace within seconds, and of its attributes.
attempt=0
until temporal operator search-attribute create \
  --name ScratchOrg --type Keyword \
  --name ScratchSnapshot --type Keyword \
  --name ScratchJobKind --type Keyword \
  --name ScratchOutcome --type Keyword \
  --name ScratchConnector --type KeywordList; do
  attempt=$((attempt + 1))
  if [ "$attempt" -ge 30 ]; then
    echo "the search attributes could not be made" >&2
    exit 1
  fi
  sleep 1
done
echo "the namespace $TEMPORAL_NAMESPACE is ready"
