#!/usr/bin/env bash
# `make bench`: the figures of docs/BENCHMARKS.md for this machine. Builds the agent as it is packaged,
# lets it watch this idle machine with the default intervals, and prints size, memory and CPU time; then
# the benchmarks of the code.
#   SECONDS_MEASURED=60   how long the idle agent is looked at, after 30 s of warming up
set -euo pipefail
cd "$(dirname "$0")/.."
measured=${SECONDS_MEASURED:-60}
home=$(mktemp -d)
pids=()
stop() {
    local pid
    for pid in "${pids[@]}"; do kill -TERM "$pid" 2>/dev/null || true; done
    wait 2>/dev/null || true
    rm -rf "$home"
}
trap stop EXIT

cargo build --profile dist -p pantau-agent --locked
cargo build --bins -p pantau-collector --locked
agent=$PWD/target/dist/pantau-agent

cat >"$home/collector.toml" <<TOML
ingest = "127.0.0.1:0"
web = "127.0.0.1:0"
store = "sqlite:$home/pantau.db"
[[site]]
id = "demo"
name = "LPSE Demo"
zone = "Asia/Jakarta"
TOML
target/debug/pantau-collector --config "$home/collector.toml" run --addresses-file "$home/addresses.json" >"$home/collector.log" 2>&1 &
pids+=($!)
until [ -s "$home/addresses.json" ]; do sleep 0.1; done
address=$(sed -nE 's/.*"ingest" *: *"([^"]+)".*/\1/p' "$home/addresses.json")

cat >"$home/agent.toml" <<TOML
site = "demo"
agent = "idle"
collector = "$address"
zone = "Asia/Jakarta"
state_dir = "$home/agent"
TOML
"$agent" run --config "$home/agent.toml" >"$home/agent.log" 2>&1 &
pids+=($!)
pid=${pids[-1]}

cpu_ticks() { awk '{ sub(/^.*\) /, ""); print $12 + $13 }' "/proc/$pid/stat"; }
sleep 30
before=$(cpu_ticks)
sleep "$measured"
after=$(cpu_ticks)
awk -v ticks=$((after - before)) -v hz="$(getconf CLK_TCK)" -v s="$measured" \
    'BEGIN { printf "agent, idle: CPU            %.2f %% of one core (%d ms in %d s)\n", 100 * ticks / hz / s, 1000 * ticks / hz, s }'
awk '/^VmRSS/ { printf "agent, idle: RSS            %.1f MB\n", $2 / 1024 }' "/proc/$pid/status"
awk '/^Pss:/ { printf "agent, idle: PSS            %.1f MB\n", $2 / 1024 }' "/proc/$pid/smaps_rollup"
stat -c %s "$agent" | awk '{ printf "agent: binary               %.1f MB\n", $1 / 1e6 }'
