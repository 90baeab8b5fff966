#!/usr/bin/env bash
# From file to closed window: MB per CPU second of the agent, and of rsyslog (imfile to TCP on loopback,
# which parses nothing) on the same files in the same minute. Without rsyslogd the agent alone is measured.
#   MB=100        size of each log
#   ROUNDS=3      how often both take their turn
#   RSYSLOGD=…    the program, where it is not on the PATH; RSYSLOG_MODULES=… the folder of its modules
set -euo pipefail
cd "$(dirname "$0")/.."
rsyslogd=${RSYSLOGD:-$(command -v rsyslogd || echo /usr/sbin/rsyslogd)}
modules=${RSYSLOG_MODULES:-$(dirname "$(find /usr/lib -path '*/rsyslog/imfile.so' 2>/dev/null | head -1)")}
home=$(mktemp -d)
pids=()

main() {
    trap stop EXIT
    local bench kind
    cargo bench --profile dist -p pantau-agent --locked --no-run --bench file_to_window
    bench=$(find target/dist/deps -name 'file_to_window-*' -executable -type f -printf '%T@ %p\n' | sort -n | tail -1 | cut -d' ' -f2)
    [ -x "$rsyslogd" ] || echo "rsyslogd is not here: the agent is measured alone (apt-get install rsyslog)"
    for kind in play play-errors postgres; do
        "$bench" write "$kind" "${MB:-100}" "$home/$kind.log"
    done
    for _ in $(seq "${ROUNDS:-3}"); do
        for kind in play play-errors postgres; do
            "$bench" "$kind" "$home/$kind.log"
            [ ! -x "$rsyslogd" ] || rsyslog "$kind"
        done
    done
}

stop() {
    local pid
    for pid in "${pids[@]}"; do kill -TERM "$pid" 2>/dev/null || true; done
    wait 2>/dev/null || true
    rm -rf "$home"
}

rsyslog() { # rsyslog KIND: reads the log of this kind once
    local work=$home/rsyslog-$1-$RANDOM pid sink
    mkdir "$work"
    python3 -c "$sink_program" "$work" &
    sink=$!
    pids+=("$sink")
    until [ -s "$work/port" ]; do sleep 0.1; done
    cat >"$work/rsyslog.conf" <<CONF
global(workDirectory="$work" maxMessageSize="64k")
module(load="imfile" mode="inotify")
input(type="imfile" file="$home/$1.log" tag="log" freshStartTail="off")
action(type="omfwd" target="127.0.0.1" port="$(cat "$work/port")" protocol="tcp")
CONF
    "$rsyslogd" -n -f "$work/rsyslog.conf" -i "$work/pid" -M "$modules" 2>"$work/errors" &
    pid=$!
    pids+=("$pid")
    until_whole "$work/received" "$(stat -c %s "$home/$1.log")"
    awk -v kind="$1" -v bytes="$(stat -c %s "$home/$1.log")" -v hz="$(getconf CLK_TCK)" '{
        sub(/^.*\) /, ""); cpu = ($12 + $13) / hz
        printf "rsyslog, %s: %.0f MB, %.1f MB per CPU second (%.2f s)\n", kind, bytes / 1e6, bytes / 1e6 / cpu, cpu
    }' "/proc/$pid/stat"
    kill -TERM "$pid"
    wait "$pid" || true
    wait "$sink" || true
}

# until_whole FILE BYTES: until the number in it is that of the log's bytes or more (rsyslog writes a head
# before each line) and has stood still for two seconds
until_whole() {
    local before=0 now=0
    while [ "$now" -lt "$2" ] || [ "$now" != "$before" ]; do
        before=$now
        sleep 2
        now=$(cat "$1" 2>/dev/null || echo 0)
    done
}

# Takes one connection and tells how many bytes came.
sink_program='
import os, socket, sys
home = sys.argv[1]
def tell(name, value):
    with open(f"{home}/{name}.new", "w") as out:
        out.write(str(value))
    os.rename(f"{home}/{name}.new", f"{home}/{name}")
listener = socket.create_server(("127.0.0.1", 0))
tell("port", listener.getsockname()[1])
connection, _ = listener.accept()
received, buffer = 0, bytearray(1 << 20)
while count := connection.recv_into(buffer):
    received += count
    tell("received", received)
'

main
