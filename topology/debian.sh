# Installs Debian packages without starting a daemon. Sourced by setup.sh.

# shellcheck shell=bash

POLICY=/usr/sbin/policy-rc.d
POLICY_BEFORE=$POLICY.before-coscanet
POLICY_MARK='# Made by COSCANet setup while it installs packages: no service starts.'

is_debian_12() {
  [ -r /etc/os-release ] || return 1
  # shellcheck source=/dev/null
  (. /etc/os-release && [ "${ID-}" = debian ] && [ "${VERSION_ID-}" = 12 ])
}

# Maintainer scripts ask policy-rc.d before they start a service; 101 means no. What was there before comes
# back when the installation ends, and if this process was killed, with the next installation.
forbid_daemons() {
  [ ! -e $POLICY ] || grep -qF "$POLICY_MARK" $POLICY || mv $POLICY $POLICY_BEFORE
  printf '#!/bin/sh\n%s\nexit 101\n' "$POLICY_MARK" >$POLICY
  chmod 755 $POLICY
}

restore_policy() {
  rm -f $POLICY
  [ ! -e $POLICY_BEFORE ] || mv $POLICY_BEFORE $POLICY
}

listening() { ss -Hlntu | awk '{print $1, $5}' | sort -u; }

# install_packages NAME…: runs in a subshell, so that its traps are its own.
install_packages() (
  before=
  ! command -v ss >/dev/null || before=$(listening)
  trap restore_policy EXIT
  trap 'exit 130' INT
  trap 'exit 143' TERM
  forbid_daemons
  export DEBIAN_FRONTEND=noninteractive
  echo 'setup: apt-get update'
  apt-get update -qq
  echo "setup: apt-get install $*"
  apt-get install -qq -y --no-install-recommends "$@" >/dev/null
  after=$(listening)
  [ -z "$before" ] || [ "$before" = "$after" ] || {
    echo 'setup: an installed package opened a port; before and after:' >&2
    diff <(echo "$before") <(echo "$after") >&2
    exit 1
  }
)
