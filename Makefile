# Short names for the steps. `make` alone lists them.

.PHONY: help demo test test-heavy faults fmt lint bench fuzz docs corpus chart
.DEFAULT_GOAL := help

cache := $(or $(XDG_CACHE_HOME),$(HOME)/.cache)/postern
# What `cargo test --workspace` builds on its way; a build of the one package would choose other features and begin anew.
postern := $(abspath $(or $(CARGO_TARGET_DIR),target))/debug/postern
export PATH := $(cache)/tools/bin:$(PATH)

help: ## this list
	@sed -nE 's/^([a-z-]+):.*## (.*)/\1	\2/p' $(MAKEFILE_LIST) | expand -t 14

demo: ## Postern, an identity provider and an app on this machine: open the printed address and sign in
	@scripts/install demo
	cargo run --locked -- demo

test: ## everything that gates a change: format, lints, unit, HTTP and end-to-end tests
	@scripts/install test
	cargo fmt --all --check
	cargo clippy --workspace --all-targets --locked -- -D warnings
	E2E_POSTERN=$(postern) cargo test --workspace --locked
	cargo test --workspace --locked --features postern-saml/samael --test saml
	@POSTERN=$(postern) scripts/check-corpus

corpus: ## real responses that may not be redistributed, checked where they lie beside the checkout
	@scripts/check-corpus

chart: ## the Helm chart and kustomize: what they render, whether Kubernetes admits it, and whether it runs
	@scripts/install chart
	cargo build --workspace --locked
	POSTERN=$(postern) scripts/check-chart

test-heavy: ## what takes too long for every change; results belong into docs/PERFORMANCE.md with date and commit
	@scripts/install test
	cargo test --workspace --locked --release -- --ignored

faults: ## break everything that docs/FAULTS.md names, while people sign in; PREVIOUS names the release before, by default the last tag
	@scripts/install test
	cargo build --workspace --locked
	E2E_POSTERN=$(postern) cargo test --workspace --locked --test faults -- --include-ignored --nocapture --test-threads=1

fmt: ## format the code
	cargo fmt --all

lint: ## lints of code, scripts and dependencies
	@scripts/install lint
	cargo fmt --all --check
	cargo clippy --workspace --all-targets --locked -- -D warnings
	shellcheck scripts/* tests/chart/*.sh .ci/run
	cargo deny --locked check

bench: ## time what a login spends its time on
	cargo bench --workspace --locked

fuzz: ## random input to everything that strangers can send, FUZZ_SECONDS (20) for each target; needs a nightly toolchain
	@FUZZ_SECONDS=$(or $(FUZZ_SECONDS),20) fuzz/run

docs: ## print the generated pages of docs/ from the code
	UPDATE_DOCS=1 cargo test --locked --package postern --test docs
