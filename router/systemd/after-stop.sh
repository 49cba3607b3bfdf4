#!/bin/sh
# after-stop.sh UNIT RUN-DIR: ExecStopPost of the router's unit. Removes from the host what the supervisor has left, if
# systemd stops the unit for good; after a crash and during a restart the next supervisor needs it.
set -eu

unit=$1 run_dir=$2

# "JOB UNIT TYPE STATE", or nothing. A systemd that cannot be asked: what systemctl says goes to the journal.
if jobs=$(systemctl list-jobs --no-legend --plain "$unit"); then
  case " $jobs " in
    *" stop "*) ;;
    *) exit 0 ;;
  esac
else
  # Rather flows that are lost than two routers with the same virtual IPs; but not after a crash.
  case ${SERVICE_RESULT-} in
    success | timeout) ;;
    *) exit 0 ;;
  esac
fi
exec coscanet-router cleanup --run-dir "$run_dir"
