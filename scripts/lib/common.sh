# shellcheck shell=bash
# Sourced by every script: strict mode, where things are, how to speak.

set -euo pipefail
PATH=$PATH:/usr/sbin:/sbin  # where Debian has nginx, but an ordinary user's path ends before

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
# shellcheck disable=SC2034  # used by those who source this
build=$root/build

say() { printf '==> %s\n' "$*" >&2; }

die() {
  printf '%s: %s\n' "${0##*/}" "$*" >&2
  exit 1
}

# Prints the comment at the head of the calling script.
usage() { sed -n '2,/^[^#]\|^$/{s/^# \{0,1\}//p}' "$0"; }
