#!/usr/bin/env bash
# Prepares a machine: `setup.sh demo` for the demo and the testbed, `setup.sh test` also for the checks and
# tests, `setup.sh bench` for the measurements; `setup.sh build` for what builds the tree, and no more. Says first what is missing, then installs it (Debian 12;
# elsewhere it names what is missing and stops), fetches the npm packages of the lock file and builds. Where
# nothing is missing it takes a second.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
# shellcheck source=topology/path.sh
source topology/path.sh
# shellcheck source=topology/debian.sh
source topology/debian.sh

NODE_AT_LEAST=20.19
STAMP=node_modules/.lock-file-installed

# What is needed, as: command or file, Debian package.
BUILD_NEEDS='
  g++ g++
  cmake cmake
  ninja ninja-build
  make make'
DEMO_NEEDS=$BUILD_NEEDS'
  ip iproute2
  tc iproute2
  ss iproute2
  nft nftables
  sysctl procps
  nsenter util-linux
  setpriv util-linux
  python3 python3
  curl curl'
TEST_NEEDS='
  musl-gcc musl-tools
  clang-format-14 clang-format-14
  cppcheck cppcheck
  shellcheck shellcheck
  shfmt shfmt
  gcovr gcovr
  socat socat
  ethtool ethtool
  tcpdump tcpdump
  iperf3 iperf3
  tshark tshark
  mergecap wireshark-common
  nginx nginx-light
  sshd openssh-server
  scp openssh-client
  dnsmasq dnsmasq-base
  dig bind9-dnsutils
  vsftpd vsftpd
  lftp lftp
  openssl openssl
  wrk wrk'
BENCH_NEEDS='
  nginx nginx-light
  openssl openssl
  wrk wrk
  httperf httperf
  iperf3 iperf3
  haproxy haproxy
  /usr/share/jetty9/start.jar jetty9
  /usr/share/fonts/truetype/dejavu/DejaVuSans.ttf fonts-dejavu-core'

fail() {
  printf 'setup: %s\n' "$*" >&2
  exit 1
}

check_node() {
  local version
  command -v node >/dev/null || fail "Node.js is missing; COSCANet needs $NODE_AT_LEAST or newer: https://nodejs.org"
  version=$(node -p process.versions.node)
  [ "$(printf '%s\n' "$NODE_AT_LEAST" "$version" | sort -V | head -1)" = "$NODE_AT_LEAST" ] ||
    fail "Node.js $version is too old; COSCANet needs $NODE_AT_LEAST or newer: https://nodejs.org"
  command -v npm >/dev/null || fail 'npm is missing; it comes with Node.js'
}

# Lines "command package" of what is not there. /usr/sbin is looked into even when it is not on the path.
missing_commands() {
  local command package
  while read -r command package; do
    [ -z "$command" ] || [[ $command == /* && -r $command ]] || PATH=$PATH:/usr/sbin:/sbin command -v "$command" >/dev/null ||
      echo "$command $package"
  done <<<"$1"
}

lock_file_hash() { sha256sum package-lock.json | cut -d' ' -f1; }

# A link leads to the packages of another checkout: npm would empty them, so they are left to their owner.
npm_is_current() { [ -L node_modules ] || { [ -e $STAMP ] && [ "$(cat $STAMP)" = "$(lock_file_hash)" ]; }; }

# raw-socket is optional, and the only package with something to build: with it the router asks nodes for echoes.
build_optional() {
  npm rebuild raw-socket --loglevel=error >/dev/null 2>&1 ||
    echo 'setup: the npm package raw-socket cannot be built: the router will not ask nodes for echoes (ICMP)'
}

install_commands() {
  local missing=$1
  if ! is_debian_12; then
    echo 'setup: this is not Debian 12; install what provides these commands, then run it again:' >&2
    while read -r command package; do echo "  $command (on Debian: package $package)" >&2; done <<<"$missing"
    exit 1
  fi
  [ "$(id -u)" = 0 ] || fail "installing Debian packages needs root: run it as root, or apt-get install $packages"
  # shellcheck disable=SC2086
  install_packages $packages
}

case ${1:-demo} in
  build) needs=$BUILD_NEEDS ;;
  demo) needs=$DEMO_NEEDS ;;
  test) needs=$DEMO_NEEDS$TEST_NEEDS ;;
  bench) needs=$DEMO_NEEDS$BENCH_NEEDS ;;
  *)
    echo 'usage: topology/setup.sh [build|demo|test|bench]' >&2
    exit 2
    ;;
esac

check_node
missing=$(missing_commands "$needs")
packages=$(awk '{print $2}' <<<"$missing" | sort -u | paste -sd' ')

[ -z "$missing" ] || echo "setup: will install the Debian packages: $packages"
npm_is_current || echo 'setup: will install the npm packages of package-lock.json into node_modules'
[ -e build/native/coscanet.node ] || echo 'setup: will build into build/'

[ -z "$missing" ] || install_commands "$missing"
if ! npm_is_current; then
  echo 'setup: npm ci'
  # No package that we need runs code at installation.
  npm ci --ignore-scripts --no-audit --no-fund --loglevel=error
  build_optional
  lock_file_hash >$STAMP
fi
topology/build.sh
