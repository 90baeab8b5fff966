#!/usr/bin/env bash
# `make run`: builds both programs, starts a collector on the embedded store and an agent that watches
# this machine, and says where to look. Ctrl-C stops both. What they keep is in .run/ (delete it to
# begin anew).
# SAMPLE=1 adds a throw-away PostgreSQL under load, the log of a Play application and SPSE's page; all of
# it is marked CONTOH, begins anew each time and lives in .run/sample.
set -euo pipefail
cd "$(dirname "$0")/.."
sample=${SAMPLE:-}
home=$PWD/.run/own
[ -z "$sample" ] || home=$PWD/.run/sample
collector=$PWD/target/debug/pantau-collector
agent=$PWD/target/debug/pantau-agent
user=admin
pids=()

main() {
    scripts/need.sh build ${sample:+sample}
    scripts/build.sh
    [ -z "$sample" ] || rm -rf "$home"
    mkdir -p "$home"
    chmod 700 "$home"
    trap stop EXIT
    trap 'exit 0' INT TERM
    collector_settings
    start collector "$collector" --config "$home/collector.toml" run --addresses-file "$home/addresses.json"
    wait_for "$home/addresses.json" collector
    password
    agent_settings
    enrol
    start agent "$agent" run --config "$home/agent.toml"
    where_to_look
    # Ends when one of them ends; then the other is stopped too.
    wait -n "${pids[@]}" || true
    echo "One of the programs ended; its last lines:" >&2
    tail -n 5 "$home"/*.log >&2
    exit 1
}

start() { # start NAME COMMAND...
    local name=$1
    shift
    "$@" >>"$home/$name.log" 2>&1 &
    pids+=($!)
}

stop() {
    trap - EXIT
    # The agent first: it hands over what it has counted.
    local i
    for ((i = ${#pids[@]} - 1; i >= 0; i--)); do
        kill -TERM "${pids[$i]}" 2>/dev/null || true
        wait "${pids[$i]}" 2>/dev/null || true
    done
}

wait_for() { # wait_for FILE NAME
    local tries=0
    until [ -s "$1" ]; do
        kill -0 "${pids[-1]}" 2>/dev/null || { tail -n 5 "$home/$2.log" >&2; exit 1; }
        tries=$((tries + 1))
        [ $tries -lt 600 ] || { echo "$2 did not come up within 60 s; see $home/$2.log" >&2; exit 1; }
        sleep 0.1
    done
}

collector_settings() {
    rm -f "$home/addresses.json"
    [ -e "$home/collector.toml" ] && return
    cat >"$home/collector.toml" <<TOML
# Written by \`make run\`; yours to change. All settings: deploy/collector.toml
ingest = "127.0.0.1:$(free_port 7411)"
web = "127.0.0.1:$(free_port 7480)"
store = "sqlite:$home/pantau.db"
fold_interval_s = 5

[[site]]
id = "demo"
name = "LPSE Demo"
zone = "$(site_zone)"
letterhead = ["LAYANAN PENGADAAN SECARA ELEKTRONIK"]
TOML
}

# The preferred port, or a free one when it is taken.
free_port() {
    if (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; then echo 0; else echo "$1"; fi
}

# This machine's zone when it is an Indonesian one; else WIB.
site_zone() {
    local zone
    zone=$(readlink -f /etc/localtime 2>/dev/null | sed 's|.*/zoneinfo/||')
    case $zone in Asia/Jakarta | Asia/Pontianak | Asia/Makassar | Asia/Jayapura) echo "$zone" ;; *) echo Asia/Jakarta ;; esac
}

password() {
    [ -s "$home/password" ] && return
    (umask 077 && head -c 24 /dev/urandom | base64 | tr '+/' '-_' >"$home/password")
    "$collector" --config "$home/collector.toml" user add --name "$user" --password-stdin <"$home/password" >/dev/null
}

address() { sed -nE "s/.*\"$1\" *: *\"([^\"]+)\".*/\1/p" "$home/addresses.json"; }

agent_settings() {
    local sources="$home/sources.toml"
    if [ -n "$sample" ]; then
        start sample "$PWD/target/debug/pantau-sample" "$sources"
        wait_for "$sources" sample
    elif [ ! -e "$sources" ]; then
        scripts/watch-here.sh "$home" >"$sources"
    fi
    {
        echo "# Written anew by each \`make run\` (addresses may change); logs, databases and probes: $sources"
        echo "site = \"demo\""
        echo "agent = \"$(machine_name)\""
        echo "collector = \"$(address ingest)\""
        echo "zone = \"$(site_zone)\""
        echo "state_dir = \"$home/agent\""
        [ -z "$sample" ] || echo "sample = true"
        echo
        cat "$sources"
    } >"$home/agent.toml"
}

# Once; what the agent got is in its state folder.
enrol() {
    [ -e "$home/enrolled" ] && [ -d "$home/agent" ] && return
    mkdir -p -m 700 "$home/agent"
    local token
    token=$("$collector" --config "$home/collector.toml" token create --site demo --expires 10m --json |
        sed -nE 's/.*"token": *"([^"]+)".*/\1/p')
    "$agent" enroll --collector "$(address ingest)" --token "$token" --config "$home/agent.toml" >>"$home/agent.log" 2>&1 ||
        { tail -n 5 "$home/agent.log" >&2; exit 1; }
    touch "$home/enrolled"
}

# The host's name in the letters that an agent's id may have.
machine_name() {
    local name
    name=$(uname -n | tr '[:upper:]' '[:lower:]' | tr -c 'a-z0-9\n' '-' | cut -c1-64)
    echo "${name:-server}"
}

where_to_look() {
    cat <<TEXT

  Pantau is running.${sample:+ It watches sample data, marked CONTOH.}

    look at    http://$(address web)/
    user       $user
    password   $(cat "$home/password")

    report     $collector --config $home/collector.toml report --site demo --period $(date +%Y-%m) --out laporan.pdf
    settings   $home/collector.toml, $home/agent.toml
    logs       $home/collector.log, $home/agent.log

  Ctrl-C stops it.
TEXT
}

main
