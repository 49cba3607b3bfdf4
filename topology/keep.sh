#!/usr/bin/env bash
# Keeps one daemon running, as systemd does on a real host: keep.sh [--cgroup FOLDER] CMD… runs CMD, starts it again when it
# ends by itself (after 100 ms; twice as long each time that it lived less than 2 s, at most 5 s), and on
# SIGTERM passes the signal on and ends with it. Status 2 means that the command line or the configuration
# is wrong: starting again would not help.
set -uo pipefail

readonly FIRST_MS=100 LAST_MS=5000 SETTLED_S=2
if [ "${1-}" = --cgroup ]; then
  echo $$ >"$2/cgroup.procs" || exit 1
  shift 2
fi
[ $# -gt 0 ] || {
  echo 'usage: keep.sh [--cgroup FOLDER] CMD…' >&2
  exit 2
}

child=
stopping=
trap 'stopping=1; [ -z "$child" ] || kill -TERM "$child" 2>/dev/null' TERM INT
trap '[ -z "$child" ] || kill -HUP "$child" 2>/dev/null' HUP

wait_for_child() {
  local status
  while :; do
    wait "$child"
    status=$?
    # A trapped signal ends `wait` too: the child is then still there.
    kill -0 "$child" 2>/dev/null || return "$status"
  done
}

delay=$FIRST_MS
while [ -z "$stopping" ]; do
  began=$SECONDS
  "$@" &
  child=$!
  # The signal to end may have come before the trap knew the child.
  [ -z "$stopping" ] || kill -TERM "$child" 2>/dev/null
  wait_for_child
  status=$?
  child=
  [ -z "$stopping" ] || exit "$status"
  echo "keep.sh: $1 ended with status $status" >&2
  [ "$status" != 2 ] || exit 2
  if [ $((SECONDS - began)) -ge $SETTLED_S ]; then delay=$FIRST_MS; fi
  sleep "$((delay / 1000)).$(printf '%03d' $((delay % 1000)))" &
  wait $!
  delay=$((delay * 2 > LAST_MS ? LAST_MS : delay * 2))
done
