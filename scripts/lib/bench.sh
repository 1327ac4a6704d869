# shellcheck shell=bash
# What the benchmarks need beside the module. Needs common.sh, packages.sh and core.sh.

source "$root/scripts/lib/core.sh"

# build/bench/load, the load generator, and build/bench/bare, the loops that it compares with.
build_load() {
  configure_core bench -DSSE_BENCH=ON -DCMAKE_BUILD_TYPE=Release
  mkdir -p "$build/bench"
  cmake --build "$build/cmake-bench" --parallel "$(nproc)" --target load bare >"$build/bench/build.log" \
    || { cat "$build/bench/build.log" >&2 && die "the load generator does not build"; }
}

# Node from elsewhere brings its own npm, and conflicts with Debian's.
install_node() {
  command -v node >/dev/null || install_packages node
  command -v npm >/dev/null || install_packages npm
}

# Puts build/bench/node_modules beside a copy of the server, from the locked list.
install_express() {
  local source=$root/t/bench/express target=$build/bench/express key
  key=$(node --version && cat "$source"/package*.json | sha256sum)
  mkdir -p "$target"
  cp "$source"/{server.js,package.json,package-lock.json} "$target"
  [[ $(cat "$target/key" 2>/dev/null) != "$key" ]] || return 0
  say "installing Express into build/bench/express"
  (cd "$target" && npm ci --omit=dev --no-audit --no-fund --silent) || die "npm ci failed in ${target#"$root/"}"
  printf '%s' "$key" >"$target/key"
}
