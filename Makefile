# `make demo` shows the main job, `make test` passes the tests: both need Rust,
# make and a C compiler (as Rust's linker), nothing else.

CARGO ?= cargo
MEMTALK = target/release/memtalk

.PHONY: all demo test crash kills loom litmus shuttle mutants verify lint bench install clean

all: $(MEMTALK)

.PHONY: $(MEMTALK)
$(MEMTALK):
	$(CARGO) build --release --locked -p memtalk

# Two processes, two streams, each compared with what arrived.
demo: $(MEMTALK)
	@sh memtalk/demo.sh $(MEMTALK)

# All tests that need nothing but a Rust toolchain.
test:
	$(CARGO) test --locked --workspace
	$(CRASH)

# Deaths before every step of either process, and before many pairs of steps.
CRASH = $(CARGO) test --locked -p memtalk --features crash-points --test crash -- --nocapture
crash:
	PAIRS=10000 $(CRASH)

# Thousands of kills at random moments.
kills:
	TALKS=5000 $(CARGO) test --locked --release -p memtalk --test kills -- --nocapture

# The model checkers: every execution of the ring's models, with the table of
# its accesses and what refutes weaker ones; the checker against RC11; long
# random runs.
loom: litmus
	$(CARGO) test --locked --features loom --test loom -- --nocapture
litmus:
	$(CARGO) test --locked --features loom --test litmus -- --nocapture
shuttle:
	$(CARGO) test --locked --features shuttle --test shuttle

# Bugs, one at a time in a copy of the sources: a test finds each.
mutants:
	sh verification/mutants.sh

# All of these at full length, and the searches that take longer.
verify:
	PROGRAMS=3000 $(MAKE) loom
	SCHEDULES=100000 $(MAKE) shuttle
	$(CARGO) test --locked -p verification --test lifecycle -- --nocapture --include-ignored
	$(MAKE) mutants

# What a change has to pass beside the tests.
lint:
	$(CARGO) fmt --all --check
	$(CARGO) clippy --locked --workspace --all-targets --features loom,shuttle,memtalk/crash-points -- -D warnings
	$(CARGO) clippy --locked -p memtalk --no-default-features -- -D warnings
	RUSTDOCFLAGS="-D warnings" $(CARGO) doc --locked --workspace --no-deps

# One way, file to /dev/null, beside socat and nc -U: interleaved runs, medians.
bench: $(MEMTALK)
	$(CARGO) bench --locked -p memtalk --bench one_way

install:
	$(CARGO) install --locked --path memtalk

clean:
	$(CARGO) clean
