#!/bin/sh
# Builds the native runner host (src/runner-host/native) into build/runner-host, unless that is newer than its sources.
#
#   sh scripts/build-native.sh                  fails where it cannot
#   ... --if-possible    for installs: without a compiler the Node host serves, and that is said
#   ... --sanitize       into build/runner-host-sanitized, with AddressSanitizer and UndefinedBehaviorSanitizer
set -eu
cd "$(dirname "$0")/.."

sources=src/runner-host/native
target=build/runner-host
static=-static
flags='-O2 -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=2 -fstack-protector-strong'
optional=no
for option; do
  case "$option" in
    --if-possible) optional=yes ;;
    --sanitize)
      target=build/runner-host-sanitized
      static=
      flags='-O1 -g -fno-omit-frame-pointer -fsanitize=address,undefined -fno-sanitize-recover=all'
      ;;
    *) echo "build-native.sh: there is no option $option" >&2 && exit 64 ;;
  esac
done

give_up() {
  echo "$target was not built: $1. Without the native runner host the one in Node serves." >&2
  [ "$optional" = yes ] && exit 0
  exit 1
}

if [ -x "$target" ] && [ -z "$(find "$sources" scripts/build-native.sh -newer "$target")" ]; then exit 0; fi

[ "$(uname -s)" = Linux ] || give_up 'it is for Linux only'
compiler=${CC:-cc}
command -v "$compiler" >/dev/null || give_up "there is no compiler \"$compiler\""
[ -d "$sources" ] || give_up "$sources is not here"

echo 'Building the native runner host (some seconds) …' >&2
mkdir -p build
# Moved into its place when it is whole: a server may be starting the old one.
# Without libraries where that can be had: it starts in sandboxes whose root directory has others, or none.
compile() {
  # shellcheck disable=SC2086
  "$compiler" -std=gnu11 -D_GNU_SOURCE -Wall -Wextra -Werror -Wshadow -pthread $flags "$@" -o "$target.$$" "$sources"/*.c
}
{ [ -n "$static" ] && compile "$static" 2>/dev/null; } || compile ||
  { rm -f "$target.$$" && give_up 'it does not compile here'; }
mv "$target.$$" "$target"
