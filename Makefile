# `make demo` shows the main job, `make test` runs the tests. Both need only Rust, make and
# a C compiler (as Rust's linker).

CARGO ?= cargo
# Everything that is made goes to this folder: the one that cargo uses, by this variable, by
# its configuration, or by default.
export CARGO_TARGET_DIR := $(or $(shell $(CARGO) metadata --no-deps --format-version 1 | \
	sed 's/.*"target_directory":"\([^"]*\)".*/\1/'),$(CURDIR)/target)
MEMTALK = $(CARGO_TARGET_DIR)/release/memtalk

.PHONY: all build demo test crash kills loom litmus shuttle fuzz asan tsan mutants every-mutant bare-metal verify lint package semver deny bench soak generate install uninstall build-c install-c uninstall-c bindings bindings-c bindings-python deb check-deb clean

all: build

build:
	$(CARGO) build --release --locked -p memtalk

# Two processes exchange two streams, and each is compared with what arrived.
demo: build
	@sh memtalk/demo.sh "$(MEMTALK)"

# All tests that need only a Rust toolchain.
test:
	$(CARGO) test --locked --workspace
	$(CARGO) test --locked -p memtalk-ring --features embedded-io-async
	$(CARGO) test --locked -p memtalk $(ASYNCHRONOUS) --test asynchronous
	$(CARGO) test --locked -p memtalk $(ASYNCHRONOUS) --doc asynchronous
	$(CARGO) run --locked -p memtalk $(ASYNCHRONOUS) --example tokio_echo
	$(CRASH)

# The traits of executors, which are off by default.
ASYNCHRONOUS = --features tokio,futures-io

# Kills a process before every step, and both before many pairs of steps; stops them; and
# lets every system call fail.
CRASH = $(CARGO) test --locked -p memtalk --features crash-points --test crash --test failures \
	--test stops -- --nocapture
crash:
	PAIRS=10000 $(CRASH)

# Kills processes at thousands of random moments.
kills:
	KILLS=5000 $(CARGO) test --locked --release -p memtalk --test kills -- --nocapture

# The model checkers. `loom`: every execution of the ring's models, and the table of its
# accesses with what refutes weaker ones. `litmus`: loom against RC11. `shuttle`: long
# random runs.
loom: litmus
	$(CARGO) test --locked --features loom --test loom -- --nocapture
litmus:
	$(CARGO) test --locked --features loom --test litmus -- --nocapture
shuttle:
	$(CARGO) test --locked --features shuttle --test shuttle

# A coverage-guided search for a peer that breaks a promise, SECONDS long for each
# target. New inputs go to target/fuzz/corpus; `make test` replays the corpus. An input that
# breaks a promise is left in target/fuzz/artifacts.
SECONDS ?= 60
FUZZED = $(CARGO_TARGET_DIR)/fuzz
FUZZ = $(CARGO) +nightly fuzz run --fuzz-dir verification/fuzz --target-dir "$(FUZZED)"
fuzz:
	@$(CARGO) +nightly fuzz --version || \
		{ echo "make fuzz needs a nightly compiler (rustup toolchain install nightly)" \
		"and cargo-fuzz (cargo install cargo-fuzz --locked)" >&2; exit 1; }
	for target in attach ends; do \
		mkdir -p "$(FUZZED)/corpus/$$target" "$(FUZZED)/artifacts/$$target" && \
		$(FUZZ) $$target "$(FUZZED)/corpus/$$target" verification/fuzz/corpus/$$target -- \
			-artifact_prefix="$(FUZZED)/artifacts/$$target/" -max_len=512 -use_value_profile=1 -max_total_time=$(SECONDS) -print_final_stats=1 || exit 1; \
	done

# All tests with the address sanitizer in the tests, the doc tests and memtalk's
# processes. Needs a nightly compiler. It does not look for leaks: the doc tests make
# memory that lives for ever, and in a PID namespace of its own the sanitizer cannot stop
# the threads, and reports leaks that are none. Three kinds of tests are left out: those that
# limit memory, most of which is the sanitizer's here; one without the /proc that it needs;
# and the long searches of the lifecycle, which use nothing unsafe.
HOST = $(shell rustc -vV | sed -n 's/^host: //p')
asan:
	RUSTFLAGS=-Zsanitizer=address RUSTDOCFLAGS=-Zsanitizer=address \
		ASAN_OPTIONS=detect_leaks=0 CARGO_TARGET_DIR="$(CARGO_TARGET_DIR)/asan" \
		$(CARGO) +nightly test --locked --workspace --target $(HOST) -- \
		--skip streams_go_both_ways_at_any_pace_in_flat_memory --skip many_pairs_can_talk_at_once \
		--skip a_limit_on_memory --skip a_limit_on_private_memory --skip without_room_for_mappings \
		--skip without_a_view_of_itself_in_proc \
		--skip non_blocking_descriptors_of_every_kind_are_waited_for \
		--skip three_processes --skip two_processes --skip every_seeded_bug --skip calls_ \
		--skip a_tenant_another --skip a_service_a --skip somebody_looks

# The ring's two ends on real threads, with the thread sanitizer. Needs a nightly
# compiler. The standard library is built without the sanitizer; verification/tsan.supp has
# the false reports that come of this. memtalk's own tests are left out: an object that is
# mapped twice is two memories to the sanitizer, and its threads synchronise in the
# standard library.
tsan:
	RUSTFLAGS="-Zsanitizer=thread -Cunsafe-allow-abi-mismatch=sanitizer" \
		TSAN_OPTIONS=suppressions=$(CURDIR)/verification/tsan.supp CARGO_TARGET_DIR="$(CARGO_TARGET_DIR)/tsan" \
		timeout 600 $(CARGO) +nightly test --locked --target $(HOST) -p verification \
		-p memtalk-ring --features memtalk-ring/embedded-io-async --test threads --test waits \
		--test tasks --test embedded_io --test embedded_io_async -- --test-threads=1

# Without an operating system: the ring's code size and its calls on five targets, then
# virtual machines and microcontrollers that talk with the real command. And the command in
# virtual machines with Debian's kernel, whose packages are fetched. Each wait is bounded, and
# so is the whole run.
TOOLS = qemu-system-x86_64:qemu-system-x86 qemu-system-aarch64:qemu-system-arm \
	qemu-system-arm:qemu-system-arm arm-none-eabi-gcc:gcc-arm-none-eabi readelf:binutils \
	apt-get:apt dpkg-deb:dpkg
bare-metal:
	@for tool in $(TOOLS); do command -v $${tool%:*} >/dev/null || \
		{ echo "make bare-metal needs $${tool%:*} (on Debian: apt-get install $${tool#*:})" >&2; \
		exit 1; }; done
	timeout 600 sh memtalk/guests/sizes
	timeout 900 $(CARGO) test --locked -p memtalk --test guests --test microcontrollers -- \
		--ignored --nocapture --test-threads=1
	for architecture in x86_64 aarch64; do for part in kernel busybox memtalk; do \
		timeout 600 sh memtalk/guests/linux $$architecture $$part || exit 1; done; done
	timeout 900 $(CARGO) test --locked -p memtalk --test linux_guests -- \
		--ignored --nocapture --test-threads=1

# Seeds bugs into a copy of the sources, one at a time: a test has to find each.
mutants:
	sh verification/mutants/seeded.sh

# Every change that cargo-mutants knows: a suite has to refute it, or
# verification/mutants/same-program.txt says why none can. Takes hours, and goes on where it
# was stopped. ONLY=pattern tries some of the changes, SAMPLE=n one of n. KEEP=1 keeps the
# results with the sources, FRESH=1 uses no earlier ones.
every-mutant:
	sh verification/mutants/every.sh

# All checks above at full length, the longer searches, and a sample of every-mutant.
verify:
	ALL=1 PROGRAMS=3000 $(MAKE) loom
	SCHEDULES=100000 $(MAKE) shuttle
	$(CARGO) test --locked -p verification --test lifecycle -- --nocapture --include-ignored --test-threads=1
	$(MAKE) mutants
	SAMPLE=40 FRESH=1 $(MAKE) every-mutant

# What a change has to pass besides the tests.
lint:
	$(CARGO) fmt --all --check
	for apart in memtalk/guests verification/fuzz memtalk/bench memtalk/python; do \
		$(CARGO) fmt --check --manifest-path $$apart/Cargo.toml || exit 1; done
	$(CARGO) clippy --locked --workspace --all-targets \
		--features loom,shuttle,memtalk/crash-points,memtalk/tokio,memtalk/futures-io,memtalk-c/panic-point -- -D warnings
	$(CARGO) clippy --locked -p memtalk --no-default-features -- -D warnings
	$(CARGO) clippy --locked -p memtalk-ring --all-targets --all-features -- -D warnings
	$(CARGO) clippy --locked --manifest-path memtalk/guests/Cargo.toml --lib \
		--target-dir "$(CARGO_TARGET_DIR)/guests-lint" -- -D warnings
	RUSTDOCFLAGS="-D warnings" $(CARGO) doc --locked --workspace --no-deps
	RUSTDOCFLAGS="-D warnings" $(CARGO) doc --locked -p memtalk-ring --no-deps --all-features
	RUSTDOCFLAGS="-D warnings" $(CARGO) doc --locked -p memtalk --lib --no-deps $(ASYNCHRONOUS)
	sh verification/mutants/seeded.sh --dry-run
	sh release/versions

# memtalk compared with what people would use instead, with targets: memtalk/bench/README.md.
# ONLY= asks only some questions. QUICK=1 shows that it works: its charts mean nothing, so they
# do not take the place of those in the repository.
CHARTS ?= $(if $(filter-out 0,$(QUICK)),$(CARGO_TARGET_DIR)/bench,$(CURDIR)/memtalk/bench/charts)
bench: build
	MEMTALK="$(MEMTALK)" CHARTS="$(CHARTS)" $(CARGO) run --release --locked \
		--manifest-path memtalk/bench/Cargo.toml --target-dir "$(CARGO_TARGET_DIR)/bench-build"

# Load: BYTES each way through two processes, every kind of non-blocking descriptor, many
# pairs at once, TALKS talks in one process, and CLIENTS clients of a service.
BYTES ?= 50000000000
TALKS ?= 10000
CLIENTS ?= 1000
soak:
	CLIENTS=$(CLIENTS) $(CARGO) test --release --locked -p memtalk --test service many_clients
	BYTES=$(BYTES) TALKS=$(TALKS) $(CARGO) test --release --locked -p memtalk --test soak -- --nocapture --test-threads=1

# What is published builds and passes its tests by itself, each crate from its package.
PACKAGES = memtalk-ring memtalk-ring-c memtalk memtalk-c
UNPACKED = $(CARGO_TARGET_DIR)/packages
package:
	rm -rf "$(CARGO_TARGET_DIR)/package" "$(UNPACKED)"
	$(CARGO) package --locked --allow-dirty --no-verify $(PACKAGES:%=-p %)
	mkdir "$(UNPACKED)"
	cd "$(UNPACKED)" && for crate in ../package/*.crate; do tar -xf $$crate; done && \
		{ sed 's/^members = .*/members = ["*"]/; /^exclude = /d' '$(CURDIR)/Cargo.toml'; \
		echo '[patch.crates-io]'; for crate in memtalk-ring memtalk; do \
		echo "$$crate.path = \"$$(echo $$crate-[0-9]*)\""; done; } >Cargo.toml && \
		cp '$(CURDIR)/Cargo.lock' .
	CARGO_TARGET_DIR="$(UNPACKED)-build" $(CARGO) test --offline --workspace \
		--manifest-path "$(UNPACKED)/Cargo.toml"

# The crates beside the last release: RELEASING.md.
semver:
	@sh release/semver

# The licences of all dependencies, and which there may be: deny.toml.
deny:
	@$(CARGO) deny --version || { echo "make deny needs cargo-deny" \
		"(cargo install cargo-deny --locked)" >&2; exit 1; }
	$(CARGO) deny check licenses bans sources

# The man page and the completions.
GENERATED = $(CARGO_TARGET_DIR)/generated
generate:
	$(CARGO) run --release --locked -p memtalk --example generate -- "$(GENERATED)"

# Puts everything below DESTDIR and PREFIX. The default needs no rights; bash, fish and man
# look there for whatever is found in PREFIX/bin.
PREFIX ?= $(HOME)/.local
ZSH_FUNCTIONS ?= share/zsh/site-functions
INSTALLED = memtalk.1:share/man/man1/memtalk.1 \
	memtalk.bash:share/bash-completion/completions/memtalk \
	_memtalk:$(ZSH_FUNCTIONS)/_memtalk \
	memtalk.fish:share/fish/vendor_completions.d/memtalk.fish \
	_memtalk.ps1:share/memtalk/_memtalk.ps1
install: build generate
	install -D -m 755 "$(MEMTALK)" "$(DESTDIR)$(PREFIX)/bin/memtalk"
	for file in $(INSTALLED); do install -D -m 644 "$(GENERATED)/$${file%:*}" \
		"$(DESTDIR)$(PREFIX)/$${file#*:}" || exit 1; done
	@case "$(DESTDIR):$$PATH:" in :*":$(PREFIX)/bin:"* | [!:]*) ;; \
		*) echo "$(PREFIX)/bin is not in PATH yet" ;; esac

uninstall:
	rm -f "$(DESTDIR)$(PREFIX)/bin/memtalk"
	for file in $(INSTALLED); do rm -f "$(DESTDIR)$(PREFIX)/$${file#*:}" || exit 1; done
	[ ! -d "$(DESTDIR)$(PREFIX)/share/memtalk" ] || rmdir "$(DESTDIR)$(PREFIX)/share/memtalk"

# The library for C: LIBDIR, which may be below another folder than PREFIX/lib, has the
# libraries and the file for pkg-config.
LIBDIR ?= $(PREFIX)/lib
VERSION = $(shell sed -n 's/^version = "\(.*\)"/\1/p' Cargo.toml)
LIBRARY = $(CARGO_TARGET_DIR)/library/libmemtalk_c
SONAME = $(shell readelf -d "$(LIBRARY).so" | sed -n 's/.*SONAME.*\[\(.*\)\]/\1/p')
build-c:
	$(CARGO) build --profile library --locked -p memtalk-c
install-c: build-c
	install -D -m 644 "$(LIBRARY).so" "$(DESTDIR)$(LIBDIR)/libmemtalk.so.$(VERSION)"
	ln -sf libmemtalk.so.$(VERSION) "$(DESTDIR)$(LIBDIR)/$(SONAME)"
	ln -sf $(SONAME) "$(DESTDIR)$(LIBDIR)/libmemtalk.so"
	install -D -m 644 "$(LIBRARY).a" "$(DESTDIR)$(LIBDIR)/libmemtalk.a"
	strip --strip-debug -R .comment -R .note "$(DESTDIR)$(LIBDIR)/libmemtalk.a"
	install -D -m 644 memtalk/c/memtalk.h "$(DESTDIR)$(PREFIX)/include/memtalk.h"
	mkdir -p "$(DESTDIR)$(LIBDIR)/pkgconfig"
	{ printf '%s\n' "prefix=$(PREFIX)" "libdir=$(LIBDIR)" "version=$(VERSION)" && \
		cat memtalk/c/memtalk.pc.in; } >"$(DESTDIR)$(LIBDIR)/pkgconfig/memtalk.pc"

uninstall-c:
	rm -f "$(DESTDIR)$(LIBDIR)"/libmemtalk.so* "$(DESTDIR)$(LIBDIR)/libmemtalk.a" \
		"$(DESTDIR)$(LIBDIR)/pkgconfig/memtalk.pc" "$(DESTDIR)$(PREFIX)/include/memtalk.h"

# The bindings: built and installed, and used by programs in their languages.
bindings: bindings-c bindings-python

# Programs in C and C++ with the installed library: alone, under valgrind, and with the
# address sanitizer; beside the command and programs in Rust. The path is one that has to be
# quoted everywhere.
C_TOOLS = cc:gcc c++:g++ valgrind:valgrind pkg-config:pkg-config nm:binutils readelf:binutils
C_CHECK = $(CARGO_TARGET_DIR)/bindings-c
C_INSTALLED = $(C_CHECK)/installed & used
bindings-c: build
	@for tool in $(C_TOOLS); do command -v $${tool%:*} >/dev/null || \
		{ echo "make bindings-c needs $${tool%:*} (on Debian: apt-get install $${tool#*:})" >&2; \
		exit 1; }; done
	rm -rf "$(C_CHECK)"
	$(CARGO) build --profile library --locked -p memtalk-c --features panic-point
	install -D "$(LIBRARY).so" "$(C_CHECK)/panics/libmemtalk.so"
	$(MAKE) install-c DESTDIR= PREFIX="$(C_INSTALLED)" LIBDIR="$(C_INSTALLED)/lib"
	$(CARGO) build --locked -p memtalk --example request_reply --example parent_and_child
	MEMTALK_C="$(C_CHECK)" MEMTALK="$(MEMTALK)" EXAMPLES="$(CARGO_TARGET_DIR)/debug/examples" \
		timeout 900 $(CARGO) test --locked -p memtalk-c

bindings-python:
	sh memtalk/python/check

# Packages for Debian, in target/deb: the command, the library for C, and its header.
# `check-deb` installs them, uses them and removes them again, as root.
DEB = $(CARGO_TARGET_DIR)/deb
deb:
	sh memtalk/debian/build "$(DEB)"
check-deb: deb
	sh memtalk/debian/check "$(DEB)"

clean:
	$(CARGO) clean
