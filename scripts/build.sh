#!/usr/bin/env bash
# Builds the programs for `make run` and `make test`.
set -euo pipefail
cd "$(dirname "$0")/.."
# The test among the targets gives the libraries the features that `cargo test --workspace` asks for:
# otherwise the second of `make run` and `make test` would compile most of them (typst too) again.
cargo build --locked --workspace --bins --test e2e
# The agent once more by itself, as it is packaged: built beside the collector it gets features of
# libraries that only others ask for, and a missing one would not show.
cargo build --locked --package pantau-agent --bins
