#!/usr/bin/env bash
# Builds all examples, then runs each of them. Fails if one fails, or takes longer than 30 s.
set -euo pipefail
cd "$(dirname "$0")/.."

cargo build --quiet --locked -p cync-examples --examples

log=$(mktemp)
trap 'rm -f "$log"' EXIT
failed=0
for file in examples/*.rs; do
    name=$(basename "$file" .rs)
    start=$(date +%s%N)
    code=0
    timeout 30 cargo run --quiet --locked -p cync-examples --example "$name" >"$log" 2>&1 </dev/null || code=$?
    took=$((($(date +%s%N) - start) / 1000000))
    if [ "$code" = 0 ]; then
        printf 'ok      %-16s %6d ms  %s\n' "$name" "$took" "$(tail -n 1 "$log" | cut -c 1-90)"
    else
        failed=1
        printf 'FAILED  %-16s %6d ms  exit code %d\n' "$name" "$took" "$code"
        sed 's/^/    /' "$log"
    fi
done
exit "$failed"
