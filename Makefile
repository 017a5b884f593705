# Palavra: what one does with it. `make help` lists the targets.
SHELL := /bin/bash
.DEFAULT_GOAL := help

# One target folder outside the clone, shared by all clones: LanceDB takes long to build.
export CARGO_TARGET_DIR ?= $(HOME)/.cache/palavra/target
# `make run PROFILE=release` for an optimised server.
PROFILE ?= dev
BINARIES = $(CARGO_TARGET_DIR)/$(if $(filter dev,$(PROFILE)),debug,release)

.PHONY: help run demo test check bench spans features fmt arrows protoc

help: ## List the targets
	@awk -F':.*## ' '/^[a-z]+:.*## / {printf "  make %-8s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

run: protoc ## Serve for real use: SQLite and LanceDB in ./data, OpenRouter with each user's key
	cargo build --profile $(PROFILE) --workspace --bins
	exec $(BINARIES)/palavra serve

demo: protoc ## Watch a scripted conversation with a simulated OpenRouter: no key, no network
	cargo build --workspace --bins
	$(CARGO_TARGET_DIR)/debug/demo

test: protoc ## Run every test, on throw-away real servers and a simulated OpenRouter
	cargo build --workspace --bins
	tests/with-servers tests/run

check: protoc ## Formatting, lints and the arrows between crates
	cargo fmt --all --check
	cargo clippy --workspace --all-targets -- -D warnings
	$(MAKE) --no-print-directory arrows
	python3 tests/memory/check.py >/dev/null
	python3 tests/memory/recall/check.py >/dev/null

arrows: # Which crate may depend on which
	cargo run --quiet -p palavra-e2e --bin arrows

# `make bench BENCH="--profile embedded,mixed --only chat,login"` for a part of it; `--help` lists the parts.
bench: protoc ## Requests a second, latencies, memory, spans and files, with an optimised build (cold: 45 minutes)
	cargo build --profile bench --workspace --bins
	tests/with-servers $(CARGO_TARGET_DIR)/release/bench $(BENCH)

spans: protoc ## What one prompt spends its time on, as a timeline, with an optimised build
	@$(MAKE) --no-print-directory bench BENCH="--only spans $(BENCH)"

features: protoc ## Check the builds that leave stores, or embeddings in process, out
	cargo check -p palavra-app --no-default-features
	set -e; for feature in postgres mongodb redis s3 local; do \
	  echo "cargo check -p palavra-app --no-default-features --features $$feature"; \
	  cargo check -p palavra-app --no-default-features --features $$feature; \
	done

fmt: ## Format the code
	cargo fmt --all

protoc:
	@command -v protoc >/dev/null || { echo "protoc is missing, which LanceDB's build needs: apt-get install protobuf-compiler" >&2; exit 1; }
