#!/usr/bin/env bash
# Installs what is missing on a Debian-like system for the purposes named as arguments:
#   build   compile (C compiler for SQLite, zstd and ring)
#   sample  a throw-away PostgreSQL
#   test    a throw-away PostgreSQL, a browser, a PDF text reader, and what the torture needs
#   torture a clock that can be moved, and what packs rolled logs
# Does nothing, and asks for no right, when all is there.
set -euo pipefail

find_postgres() { ls -d /usr/lib/postgresql/*/bin/initdb >/dev/null 2>&1 || command -v initdb >/dev/null 2>&1; }

missing=()
want() { # want PACKAGE COMMAND...: adds PACKAGE unless every COMMAND is there
    local package=$1 command
    shift
    for command in "$@"; do
        command -v "$command" >/dev/null 2>&1 || { missing+=("$package"); return; }
    done
}

want_torture() {
    ls /usr/lib/*/faketime/libfaketime.so.1 >/dev/null 2>&1 || missing+=(libfaketime)
    want gzip gzip
    want xz-utils xz
    want bzip2 bzip2
    want zstd zstd
    want zip zip
}

for purpose in "$@"; do
    case $purpose in
    build)
        command -v cargo >/dev/null 2>&1 || {
            echo "Rust is missing: install it with rustup (https://rustup.rs), then run this again." >&2
            exit 1
        }
        want build-essential cc make
        ;;
    sample) find_postgres || missing+=(postgresql) ;;
    test)
        find_postgres || missing+=(postgresql)
        want chromium chromium
        want chromium-driver chromedriver
        want poppler-utils pdftotext pdfinfo
        want_torture
        ;;
    torture) want_torture ;;
    *) echo "need.sh: unknown purpose '$purpose'" >&2; exit 2 ;;
    esac
done
[ ${#missing[@]} -eq 0 ] && exit 0

command -v apt-get >/dev/null 2>&1 || {
    echo "Missing: ${missing[*]}. This system has no apt-get: install them with its own package manager, then run this again." >&2
    exit 1
}
as_root=()
if [ "$(id -u)" -ne 0 ]; then
    command -v sudo >/dev/null 2>&1 || {
        echo "Missing: ${missing[*]}. Run as root: apt-get install ${missing[*]}" >&2
        exit 1
    }
    as_root=(sudo)
fi
echo "Installing what is missing: ${missing[*]}" >&2
# Debian's PostgreSQL package would create and start a cluster of its own; ours are throw-away ones.
if [[ " ${missing[*]} " == *" postgresql "* ]] && [ ! -e /etc/postgresql-common/createcluster.conf ]; then
    "${as_root[@]}" mkdir -p /etc/postgresql-common
    echo 'create_main_cluster = false' | "${as_root[@]}" tee /etc/postgresql-common/createcluster.conf >/dev/null
fi
"${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get update -qq
"${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
