# Two commands do everything: `make demo` shows the program at work, `make test` runs every check there is.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
DEMO := target/demo
BIN := target/release/causeway

.PHONY: demo test build bench lint kill fuzz clean-demo

build:
	cargo build --release

# Replays the sample log that comes with the project and shows what was found.
demo: build
	@rm -rf $(DEMO)
	@$(BIN) replay --output $(DEMO) --cluster demo samples/shop-cluster.jsonl.xz
	@echo
	@$(BIN) contexts $(DEMO) --limit 40
	@echo
	@echo "The tables are in $(DEMO). To look inside one context:   $(BIN) explain $(DEMO) ID"
	@echo "To query them:   duckdb -c \"SELECT start_at, user, summary FROM '$(DEMO)/contexts/**/*.parquet' WHERE background IS NULL ORDER BY 1\""

# Format, lints, documentation, and every test, those that need Python tools included.
test: lint
	cargo test --lib --bins --tests --examples
	cargo test --doc
	fuzz/run
	deploy/lint

lint:
	cargo fmt --check
	cargo clippy --all-targets -- -D warnings
	RUSTDOCFLAGS="-D warnings" cargo doc --no-deps --document-private-items
	if command -v cargo-deny >/dev/null; then cargo deny check bans licenses sources; else echo "skipped: cargo-deny is not installed"; fi

# Ratios against peers; see BENCHMARKS.md.
bench: build
	cargo bench
	benches/compare

clean-demo:
	rm -rf $(DEMO)
