#!/usr/bin/env bash
# Fuzzes what reads bytes from outside: `scripts/fuzz.sh [TARGET...]`, each for SECONDS_EACH (60).
# Builds with the nightly compiler and libFuzzer itself, so that nothing has to be installed by hand but
# that compiler. What was found interesting is kept in fuzz/corpus/, what went wrong in fuzz/artifacts/.
set -euo pipefail
cd "$(dirname "$0")/.."

seconds=${SECONDS_EACH:-60}
of_agent=(collector_said detect identity_file layouts log_lines redaction sketches spool_open statements tokens)
of_collector=(agent_said certificates)
targets=("$@")
[ ${#targets[@]} -gt 0 ] || targets=("${of_agent[@]}" "${of_collector[@]}")
triple=$(uname -m)-unknown-linux-gnu
# An input that takes longer, in seconds, or more memory, in MB, is as wrong as a panic.
slow_s=10
memory_mb=2048

is_one_of() { # is_one_of WORD WORD...: whether the first is among the others
    local word=$1 other
    shift
    for other in "$@"; do [ "$word" != "$other" ] || return 0; done
    return 1
}

features=()
for target in "${targets[@]}"; do
    if is_one_of "$target" "${of_collector[@]}"; then
        features=(--features collector)
    elif ! is_one_of "$target" "${of_agent[@]}"; then
        echo "fuzz.sh: no target '$target'; there are: ${of_agent[*]} ${of_collector[*]}" >&2
        exit 2
    fi
done
cargo +nightly --version >/dev/null 2>&1 || {
    echo "Fuzzing needs the nightly compiler: rustup toolchain install nightly --profile minimal" >&2
    exit 1
}

# The coverage that libFuzzer is guided by. No address sanitizer: there is no unsafe code of ours.
export RUSTFLAGS="-Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4 \
-Cllvm-args=-sanitizer-coverage-inline-8bit-counters -Cllvm-args=-sanitizer-coverage-pc-table \
-Cllvm-args=-sanitizer-coverage-trace-compares"
(cd fuzz && cargo +nightly build --locked --target "$triple" --bins "${features[@]}")
built=$PWD/fuzz/target/$triple/debug
CORPUS=fuzz/corpus "$built/seeds" -runs=0 >/dev/null 2>&1

# In memory where it can be: a spool syncs its files twenty times each run.
scratch=$(mktemp -d -p "$([ -w /dev/shm ] && echo /dev/shm || echo "${TMPDIR:-/tmp}")" pantau-fuzz.XXXXXX)
trap 'rm -rf "$scratch"' EXIT

for target in "${targets[@]}"; do
    mkdir -p "fuzz/corpus/$target" "fuzz/artifacts/$target"
    echo "== $target, ${seconds} s"
    log=$scratch/$target.log
    if ! TMPDIR=$scratch "$built/$target" "fuzz/corpus/$target" \
        -artifact_prefix="fuzz/artifacts/$target/" -max_total_time="$seconds" -timeout="$slow_s" \
        -rss_limit_mb="$memory_mb" -len_control=0 -print_final_stats=1 >"$log" 2>&1; then
        tail -n 40 "$log" >&2
        cat >&2 <<END

$target went wrong. The input lies in fuzz/artifacts/$target/ (its name is in the lines above).
  again:    fuzz/target/$triple/debug/$target FILE
  smaller:  fuzz/target/$triple/debug/$target -minimize_crash=1 -runs=100000 FILE
Mend the cause where it is, with a unit test of that input beside it.
END
        exit 1
    fi
    grep -E '^(Done|stat::(average_exec|peak_rss))' "$log"
done
