# shellcheck shell=bash
# configure_core FLAVOUR [cmake options]: configures the core and its tests in build/cmake-FLAVOUR, quietly.

configure_core() {
  local tree=$build/cmake-$1
  mkdir -p "$tree"
  cmake -S "$root" -B "$tree" -G Ninja "${@:2}" >"$tree/configure.log" || die "cmake failed; see ${tree#"$root/"}/configure.log"
}
