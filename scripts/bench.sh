#!/usr/bin/env bash
# `make bench`: the figures of docs/BENCHMARKS.md for this machine. Builds the agent as it is packaged and
# prints size, memory and CPU time of two agents with the default intervals: one that watches this
# machine only, one that also follows two logs and asks a PostgreSQL under load (the sample of
# `make run SAMPLE=1`: about 20 statements and 5 log lines a second).
#   SECONDS_MEASURED=60   how long each is looked at, after 30 s of warming up
set -euo pipefail
cd "$(dirname "$0")/.."
measured=${SECONDS_MEASURED:-60}
home=$(mktemp -d)
pids=()

main() {
    trap stop EXIT
    cargo build --profile dist -p pantau-agent --locked
    scripts/build.sh
    collector
    : >"$home/no-sources"
    watch idle "$home/no-sources"
    target/debug/pantau-sample "$home/sample-sources" >"$home/sample.log" 2>&1 &
    pids+=($!)
    wait_for "$home/sample-sources"
    watch sample "$home/sample-sources"
    stat -c %s target/dist/pantau-agent | awk '{ printf "agent: binary           %6.1f MB\n", $1 / 1e6 }'
}

stop() {
    local pid
    for pid in "${pids[@]}"; do kill -TERM "$pid" 2>/dev/null || true; done
    wait 2>/dev/null || true
    rm -rf "$home"
}

wait_for() { until [ -s "$1" ]; do sleep 0.1; done; }

collector() {
    cat >"$home/collector.toml" <<TOML
ingest = "127.0.0.1:0"
web = "127.0.0.1:0"
store = "sqlite:$home/pantau.db"
[[site]]
id = "demo"
name = "LPSE Demo"
zone = "Asia/Jakarta"
TOML
    target/debug/pantau-collector --config "$home/collector.toml" run \
        --addresses-file "$home/addresses.json" >"$home/collector.log" 2>&1 &
    pids+=($!)
    wait_for "$home/addresses.json"
}

watch() { # watch NAME SOURCES: figures of one agent
    local name=$1 pid before after ingest token
    ingest=$(sed -nE 's/.*"ingest" *: *"([^"]+)".*/\1/p' "$home/addresses.json")
    {
        echo "site = \"demo\""
        echo "agent = \"$name\""
        echo "collector = \"$ingest\""
        echo "zone = \"Asia/Jakarta\""
        echo "state_dir = \"$home/$name\""
        cat "$2"
    } >"$home/$name.toml"
    mkdir -p -m 700 "$home/$name"
    token=$(target/debug/pantau-collector --config "$home/collector.toml" token create --site demo --expires 10m --json |
        sed -nE 's/.*"token": *"([^"]+)".*/\1/p')
    target/dist/pantau-agent enroll --collector "$ingest" --token "$token" --config "$home/$name.toml" >"$home/$name.log" 2>&1 ||
        { cat "$home/$name.log" >&2; return 1; }
    target/dist/pantau-agent run --config "$home/$name.toml" >>"$home/$name.log" 2>&1 &
    pid=$!
    sleep 30
    before=$(cpu_ticks "$pid")
    sleep "$measured"
    after=$(cpu_ticks "$pid")
    awk -v name="$name" -v ticks=$((after - before)) -v hz="$(getconf CLK_TCK)" -v s="$measured" \
        'BEGIN { printf "agent, %-8s CPU     %6.2f %% of one core (%d ms in %d s)\n", name ":", 100 * ticks / hz / s, 1000 * ticks / hz, s }'
    awk -v name="$name" '/^VmRSS/ { printf "agent, %-8s RSS     %6.1f MB\n", name ":", $2 / 1024 }' "/proc/$pid/status"
    awk -v name="$name" '/^Pss:/ { printf "agent, %-8s PSS     %6.1f MB\n", name ":", $2 / 1024 }' "/proc/$pid/smaps_rollup"
    kill -TERM "$pid"
    wait "$pid" || true
}

cpu_ticks() { awk '{ sub(/^.*\) /, ""); print $12 + $13 }' "/proc/$1/stat"; }

main
