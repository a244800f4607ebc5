# Two commands do everything: `make up` and `make test`. `make help` lists the rest.

.DEFAULT_GOAL := help
CARGO ?= cargo
KENTONGAN := target/release/kentongan
# Extra words for the program, for example: make up ARGS="--listen 0.0.0.0:8080"
ARGS ?=
# For which routers the agent is built; all five if none is named.
TARGETS ?=
# How long a door is fuzzed.
SECONDS ?= 60

.PHONY: help build up status report verify check cut mend test snmp-conformance fuzz lint peers bench agents test-agents packages clean

help: ## list what can be made
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F':.*## ' '{printf "  make %-17s %s\n", $$1, $$2}'

build: ## build the program (target/release/kentongan)
	$(CARGO) build --release --locked -p kentongan

up: build ## watch the network of hotspots.toml: collector, alerter and the core's agent in one process
	$(KENTONGAN) up $(ARGS)

status: build ## show the network as a table
	$(KENTONGAN) status $(ARGS)

report: build ## write last month as laporan.pdf: make report ARGS="--month 2026-10 --by kecamatan"
	$(KENTONGAN) report -o laporan.pdf $(ARGS)

verify: build ## hold what is shown against a replay of the journal
	$(KENTONGAN) verify $(ARGS)

check: build ## tell every fault of hotspots.toml
	$(KENTONGAN) check hotspots.toml

cut: build ## cut a site of the sample off, to watch an outage: make cut SITE=kec-kutoarjo (root)
	@tests/demo/outage cut "$(SITE)" $(KENTONGAN)

mend: build ## mend it: make mend SITE=kec-kutoarjo, or make mend SITE=all (root)
	@tests/demo/outage mend "$(SITE)" $(KENTONGAN)

peers: ## install the real peers that the tests talk to (Debian's packages, PyPI)
	@tests/peers/install

test: peers ## install what the tests need, and run them all
	$(CARGO) build --locked --workspace --all-targets
	@if $(CARGO) nextest --version >/dev/null 2>&1; \
	then $(CARGO) nextest run --locked --workspace --no-fail-fast; \
	else $(CARGO) test --locked --workspace --no-fail-fast; fi

agents: ## build the agent for routers (static, five targets): make agents TARGETS=mipsel-unknown-linux-musl
	deploy/agents/build $(TARGETS)

snmp-conformance: ## hold what is read of recorded devices against what should be read: ../shared/snmp, or KENTONGAN_SNMP_RECORDINGS
	CI=true $(CARGO) test --locked -p kentongan-agent --test conformance -- --nocapture

packages: ## pack the agents that are built, for OpenWrt, Debian and RouterOS, into packages/
	deploy/packages

test-agents: ## run the agents of `make agents` (by qemu) against a collector behind TLS (COLLECTOR=FILE: a kentongan that is built)
	deploy/agents/test $(TARGETS)

fuzz: peers ## give each place where bytes come in a minute of bytes that nobody meant: make fuzz SECONDS=600
	fuzz/run $(SECONDS)

# Clippy as the compiler of our own crates: the dependencies that are built for it serve the tests, too. A check of its own
# would go through all 500 of them once more. The odd word is how `cargo clippy -- -D warnings` hands its arguments over.
lint: ## formatting and clippy, as CI runs them
	$(CARGO) fmt --all --check
	RUSTC_WORKSPACE_WRAPPER=clippy-driver CLIPPY_ARGS=-D__CLIPPY_HACKERY__warnings__CLIPPY_HACKERY__ \
		$(CARGO) build --locked --workspace --all-targets

bench: peers ## print the figures, each beside a peer in the same run
	-deploy/agents/build $(shell uname -m)-unknown-linux-musl
	$(CARGO) build --release --locked --workspace
	$(CARGO) run --release --locked -p kentongan-bench -- all $(ARGS)

clean: ## remove what was built (the data folder stays)
	$(CARGO) clean
