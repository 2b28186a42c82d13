.PHONY: help setup binaries demo image dist test bench fuzz lint ci

# How long each fuzz target runs.
FUZZ_SECONDS ?= 60
# Where cargo builds.
TARGET = $(or $(CARGO_TARGET_DIR),target)

help: ## list the verbs
	@sed -n 's/^\([a-z]*\):.*## /make \1\t/p' Makefile

setup: ## install what tests and demo need, if it is missing
	@tests/harness/setup

binaries: setup ## build the real programs that tests run: control plane, flux, kubectl, registry
	@tests/control-plane/build

demo: setup ## show the whole job on a registry and a Git remote of its own
	@tests/control-plane/build kubectl registry >/dev/null
	@cargo run --locked --bin demo

image: ## build the container image as an OCI layout in target/image
	cargo build --locked --release --package reconciler --bin imgauto-reconciler
	cargo build --locked --release --package webhook --bin imgauto-webhook
	cargo run --locked --package tests --bin image -- $(TARGET)/image \
		$(TARGET)/release/imgauto-reconciler $(TARGET)/release/imgauto-webhook

dist: ## build the plugin's archive and the manifest krew installs it from, in target/dist
	cargo build --locked --release --package kubectl-imgauto
	cargo run --locked --package tests --bin dist -- $(TARGET)/dist $(TARGET)/release/kubectl-imgauto

test: binaries ## run all tests
	cargo test --workspace --locked

bench: binaries ## run the benchmarks of docs/benchmarks.md
	cargo bench --workspace --locked --bench select --bench budgets

fuzz: ## run each fuzz target for a minute, on nightly Rust
	@command -v cargo-fuzz >/dev/null || cargo install --locked --version 0.13.2 cargo-fuzz
	set -e; for target in $$(cargo fuzz list); do \
		mkdir -p fuzz/corpus/$$target; \
		cargo +nightly fuzz run $$target fuzz/corpus/$$target fuzz/seeds/$$target -- \
			-max_total_time=$(FUZZ_SECONDS) -timeout=10; \
	done

lint: ## check format, lints and dependencies
	@command -v cargo-deny >/dev/null || cargo install --locked --version 0.20.2 cargo-deny
	cargo fmt --all --check
	@test -z "$$(gofmt -l tests/control-plane | tee /dev/stderr)"
	cargo clippy --workspace --all-targets --locked -- -D warnings
	cargo fetch --locked
	cargo deny --offline check bans licenses sources

ci: ## run what must pass before a change lands
	.ci/run
