# shellcheck shell=bash
# sanitizer_env: the environment in which an ordinary nginx loads the sanitizer build of the module.

runtime() { realpath "$("${CC:-cc}" -print-file-name="$1")"; }

# libasan must be the first library of the process, and looks up what it wraps (__cxa_throw) when the process starts:
# nginx is C, so libstdc++ has to be there beside it, or the first exception aborts.
# Every dynamic module defines `ngx_modules`, as nginx does: no violation of the one-definition rule.
sanitizer_env=(
  LD_PRELOAD="$(runtime libasan.so):$(runtime libstdc++.so)"
  ASAN_OPTIONS=detect_odr_violation=0
  LSAN_OPTIONS="suppressions=$root/scripts/lib/lsan.supp:print_suppressions=0"
  UBSAN_OPTIONS=print_stacktrace=1
)
