# The commands of this house; each works on a fresh clone with Rust on a Debian-like system.
.PHONY: help run test check fmt bench build torture fuzz

help: ## says what there is
	@grep -E '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):.*## (.*)/  make \1\t\2/'

run: ## builds, starts collector and agent on this machine; SAMPLE=1 adds a database under load (CONTOH)
	@SAMPLE=$(SAMPLE) scripts/run.sh

test: ## installs what the tests need, then runs every test
	@scripts/need.sh build test
	@scripts/build.sh
	cargo test --workspace --locked --lib --bins
	@# They mostly wait for the real programs: more of them at once than there are cores.
	cargo test --workspace --locked --test e2e -- --test-threads 6

check: ## format, clippy with warnings as errors, dependency licences
	@scripts/need.sh build
	cargo fmt --all --check
	cargo clippy --workspace --all-targets --locked -- -D warnings
	@scripts/licences.sh

fmt: ## formats the code
	cargo fmt --all

bench: ## prints the figures of docs/BENCHMARKS.md for this machine (release build)
	@scripts/need.sh build test
	@scripts/bench.sh
	@scripts/bench-throughput.sh

build: ## builds the programs in the profile that `run` and `test` share
	@scripts/need.sh build
	@scripts/build.sh

torture: ## RUNS=1000 seeded runs through faults of every kind; SEED=n begins with that one, JOBS=n at once
	@scripts/need.sh build torture
	@scripts/build.sh
	@target/debug/pantau-torture --runs $(or $(RUNS),1000) --seed $(or $(SEED),0) --jobs $(or $(JOBS),6)

fuzz: ## fuzzes readers of outside bytes (nightly compiler); TARGETS="spool_open tokens" some, EACH=60 seconds each
	@scripts/need.sh build
	@SECONDS_EACH=$(or $(EACH),60) scripts/fuzz.sh $(TARGETS)
