# shellcheck shell=bash
# Installs what is missing from Debian, in groups: install_packages build test …

declare -A packages=(
  [build]="g++ make libhiredis-dev libsodium-dev rapidjson-dev"
  [nginx_dev]="nginx-dev"
  [run]="nginx redis-server curl"
  [test]="cmake ninja-build libgtest-dev libgmock-dev openssl binutils iproute2 util-linux python3-venv chromium chromium-driver
    libnginx-mod-nchan libnginx-mod-http-headers-more-filter libnginx-mod-http-subs-filter libnginx-mod-http-brotli-filter
    libnginx-mod-http-lua php-cli php-redis"
  [microbench]="cmake ninja-build libgtest-dev libbenchmark-dev valgrind"
  [check]="cmake ninja-build libgtest-dev libgmock-dev clang-format clang-tidy cppcheck shellcheck python3"
  [bench]="cmake ninja-build libgtest-dev libgmock-dev libcli11-dev libssl-dev zlib1g-dev libnghttp2-dev liburing-dev"
  [node]="nodejs"
  [npm]="npm"
  [fuzz]="cmake ninja-build libgtest-dev libgmock-dev clang llvm libclang-rt-dev"
)

is_installed() { [[ $(dpkg-query -W -f '${db:Status-Status}' "$1" 2>/dev/null) == installed ]]; }

install_packages() {
  local group package missing=()
  for group; do
    for package in ${packages[$group]}; do
      [[ " ${missing[*]} " == *" $package "* ]] || is_installed "$package" || missing+=("$package")
    done
  done
  ((${#missing[@]})) || return 0

  local wanted="apt-get install ${missing[*]}" as_root=()
  command -v apt-get >/dev/null || die "this is not Debian; install the equivalents of: ${missing[*]}"
  if ((EUID != 0)); then
    command -v sudo >/dev/null || die "packages are missing and there is no sudo; run as root: $wanted"
    as_root=(sudo)
  fi
  say "$wanted"
  "${as_root[@]}" "$root/scripts/lib/apt-install" "${missing[@]}" || die "failed: $wanted"
}
