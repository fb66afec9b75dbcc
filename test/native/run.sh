#!/usr/bin/env bash
# The longer checks of the native runner host: its whole contract under AddressSanitizer and UndefinedBehaviorSanitizer,
# and, where there is clang, noise for its decoder from libFuzzer.
#
#   npm run test:native [seconds of noise]
set -euo pipefail
cd "$(dirname "$0")/../.."
seconds=${1:-60}
failed=0

sh scripts/build-native.sh --sanitize
EXECD_NATIVE_HOST=build/runner-host-sanitized node test/run.ts test/runner-host/native-host.test.ts || failed=1

if command -v clang >/dev/null; then
  corpus=$(mktemp -d)
  trap 'rm -rf "$corpus"' EXIT
  node test/native/seeds.ts "$corpus"
  clang -g -O1 -std=gnu11 -D_GNU_SOURCE -pthread -fsanitize=fuzzer,address,undefined -fno-sanitize-recover=all \
    -o build/fuzz-frames test/native/fuzz-frames.c src/runner-host/native/{wire,basics}.c
  build/fuzz-frames -max_total_time="$seconds" -max_len=4096 -rss_limit_mb=1024 -verbosity=0 -print_final_stats=1 \
    -artifact_prefix="$corpus/" "$corpus" || failed=1
else
  echo 'clang is not installed: no noise from libFuzzer (apt-get install clang, with its recommended libclang-rt-*-dev)'
fi
exit "$failed"
