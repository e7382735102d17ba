# Two commands do everything: `make demo` shows the program at work, `make test` runs every check there is.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
DEMO := target/demo
BIN := target/release/causeway

.PHONY: demo test build bench lint kill fuzz clean-demo onnxruntime kafka-demo test-kafka-kill

build:
	cargo build --release

# Replays the sample log that comes with the project and shows what was found.
demo: build
	@rm -rf $(DEMO)
	@$(MAKE) --no-print-directory onnxruntime || echo "ONNX Runtime cannot be fetched: events get no model labels"
	@$(BIN) replay --output $(DEMO) --cluster demo --model models/labels.onnx samples/shop-cluster.jsonl.xz
	@echo
	@$(BIN) contexts $(DEMO) --limit 40
	@echo
	@echo "The tables are in $(DEMO). To look inside one context:   $(BIN) explain $(DEMO) ID"
	@echo "To query them:   duckdb -c \"SELECT start_at, user, summary FROM '$(DEMO)/contexts/**/*.parquet' WHERE background IS NULL ORDER BY 1\""

# ONNX Runtime, from its wheel: the library and its licences into onnxruntime/, where the program finds them.
# `make onnxruntime ORT=onnxruntime-gpu` takes the one that can use a GPU, where CUDA and cuDNN are installed.
ORT := onnxruntime
ORT_VERSION := 1.31.1
ORT_MARK := onnxruntime/VERSION-$(ORT_VERSION)$(ORT:onnxruntime%=%)
onnxruntime: $(ORT_MARK)
$(ORT_MARK):
	@rm -rf onnxruntime target/wheel && mkdir -p onnxruntime target/wheel
	python3 -m pip download --quiet --disable-pip-version-check --no-deps --only-binary=:all: \
	  --dest target/wheel $(ORT)==$(ORT_VERSION)
	python3 models/unwheel.py target/wheel/$(subst -,_,$(ORT))-$(ORT_VERSION)-*.whl onnxruntime
	@rm -rf target/wheel && touch $@

# Format, lints, documentation, and every test, those that need Python tools included.
test: lint
	tests/tools/s3_server
	cargo test --no-fail-fast --lib --bins --tests --examples
	cargo test --doc
	fuzz/run
	deploy/lint

lint:
	cargo fmt --check
	cargo clippy --all-targets -- -D warnings
	RUSTDOCFLAGS="-D warnings" cargo doc --no-deps --document-private-items
	if command -v cargo-deny >/dev/null; then cargo deny check bans licenses sources; else echo "skipped: cargo-deny is not installed"; fi

# Ratios against DuckDB and of the shapes of a log, then the parts alone; see BENCHMARKS.md and benches/README.md for the rest.
bench: build
	test -d target/venv || python3 -m venv target/venv
	target/venv/bin/pip install --quiet --disable-pip-version-check duckdb==2.0.0
	test -f target/audit.jsonl || { cargo run --release --example generate -- --events 200000 --seed 1 target/audit.tmp && mv target/audit.tmp target/audit.jsonl; }
	target/venv/bin/python benches/compare_duckdb.py --causeway $(BIN) target/audit.jsonl
	python3 benches/shapes.py --causeway $(BIN)
	cargo bench

clean-demo:
	rm -rf $(DEMO)

# A broker, a topic with the sample log, `causeway run` to its end, and what it found. Needs Java 17 and Maven, once.
KAFKA_DEMO := KAFKA_DIR=target/kafka/demo KAFKA_PORT=29092 kafka/broker
kafka-demo: build
	@rm -rf $(DEMO)-kafka
	$(KAFKA_DEMO) wipe
	$(KAFKA_DEMO) start
	$(KAFKA_DEMO) topic audit 3
	xz -dc samples/shop-cluster.jsonl.xz | $(KAFKA_DEMO) produce audit
	@$(BIN) run --config pipelines/kafka.toml --brokers 127.0.0.1:29092 --cluster demo --output $(DEMO)-kafka --until-end
	@echo
	@$(BIN) contexts $(DEMO)-kafka --limit 20
	@$(KAFKA_DEMO) wipe
	@echo
	@echo "The tables are in $(DEMO)-kafka. Without --until-end the run would follow the topic."

# Kills `causeway run` and the broker KILLS times at random moments while LOG is produced (plain, .gz, .zst or .xz). With PROCESSES
# above 1 each start has a random number of processes up to it, of which a random one is killed. CLUSTERS of them share the topic.
LOG ?= samples/shop-cluster.jsonl.xz
KILLS ?= 50
PROCESSES ?= 1
CLUSTERS ?= 1
test-kafka-kill:
	@rm -f target/kafka-kill.txt
	CAUSEWAY_KAFKA_LOG=$(abspath $(LOG)) CAUSEWAY_KAFKA_KILLS=$(KILLS) CAUSEWAY_KAFKA_PROCESSES=$(PROCESSES) CAUSEWAY_KAFKA_CLUSTERS=$(CLUSTERS) CAUSEWAY_KAFKA_REPORT=$(abspath target/kafka-kill.txt) \
	  cargo test --test kafka_kill -- --exact killed_at_random_moments_nothing_is_lost_or_doubled
	@cat target/kafka-kill.txt 2>/dev/null || echo "kafka-kill: skipped, Java or Maven is not installed"
