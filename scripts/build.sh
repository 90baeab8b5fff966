#!/usr/bin/env bash
# Builds the programs for `make run` and `make test`. The agent by itself: built together with the
# collector it would get features of libraries that only the collector asks for, and what is tested would
# not be what is packaged.
set -euo pipefail
cd "$(dirname "$0")/.."
cargo build --locked --package pantau-agent --bins
cargo build --locked --package pantau-collector --package pantau-tests --bins
