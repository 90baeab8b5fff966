#!/usr/bin/env bash
# Prints the agent's tables for what runs on this machine: PostgreSQL on its Debian port and its log,
# SPSE on its usual ports and its log. Looks only; the one thing it may make is the read-only role
# "pantau" in PostgreSQL, and it says so.
#   watch-here.sh FOLDER    FOLDER: where the role's password is kept
set -euo pipefail
home=$1
role=pantau

as_postgres() {
    if [ "$(id -un)" = postgres ]; then psql "$@"
    elif [ "$(id -u)" -eq 0 ]; then runuser -u postgres -- psql "$@"
    else sudo -n -u postgres psql "$@"; fi
}

postgres() {
    local socket=/var/run/postgresql port
    [ -S "$socket/.s.PGSQL.5432" ] || { echo "# No PostgreSQL on port 5432 here."; return; }
    port=5432
    if [ ! -s "$home/postgres-password" ]; then
        (umask 077 && head -c 24 /dev/urandom | base64 | tr '+/' '-_' >"$home/postgres-password")
        # The password goes in by standard input, not on a command line that others can see.
        if ! { echo "DROP ROLE IF EXISTS $role; CREATE ROLE $role LOGIN PASSWORD '$(cat "$home/postgres-password")'; GRANT pg_monitor TO $role;"; } |
            as_postgres -qX -v ON_ERROR_STOP=1 -h "$socket" -p "$port" -d postgres >/dev/null 2>&1; then
            rm -f "$home/postgres-password"
            echo "# PostgreSQL runs here, but a role for the agent could not be made. deploy/README.md says how."
            echo "PostgreSQL runs here, but its role \"$role\" could not be made; deploy/README.md says how." >&2
            return
        fi
        echo "Made the read-only role \"$role\" in PostgreSQL (to remove it: DROP ROLE $role)." >&2
    fi
    cat <<TOML
[[postgres]]
key = "utama"
host = "127.0.0.1"
port = $port
user = "$role"
password_file = "$home/postgres-password"
database = "postgres"

TOML
    local log
    log=$(as_postgres -qXAt -h "$socket" -p "$port" -d postgres -c 'SELECT pg_current_logfile()' 2>/dev/null || true)
    [ -n "$log" ] || log=$(ls -t /var/log/postgresql/*.log 2>/dev/null | head -n 1 || true)
    if [ -n "$log" ] && [ -r "$log" ]; then
        printf '[[log]]\nkey = "postgres"\npath = "%s"\nformat = "postgres-stderr"\ncluster = "utama"\n\n' "$log"
    else
        echo "# PostgreSQL's log is not readable for this user: ${log:-not found}"
    fi
}

spse() {
    local log port
    log=$(ls -t /home/appserv/*/webapp/logs/{spse*,application}.log 2>/dev/null | head -n 1 || true)
    if [ -n "$log" ] && [ -r "$log" ]; then
        printf '[[log]]\nkey = "spse"\npath = "%s"\nformat = "play"\n\n' "$log"
    else
        echo "# No SPSE application log under /home/appserv/*/webapp/logs."
    fi
    for port in 9090 9009 9909; do
        if (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null; then
            printf '[[probe]]\ntarget = "application"\nurl = "http://127.0.0.1:%s/eproc4"\nexpect_text = "SPSE"\n\n' "$port"
            return
        fi
    done
    echo "# Nothing listens on SPSE's usual ports 9090, 9009, 9909."
}

postgres
spse
