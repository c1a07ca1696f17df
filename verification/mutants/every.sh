#!/bin/sh
# Makes each change that cargo-mutants knows to a copy of the sources: a suite has to
# refute each. `make every-mutant` runs it.
#
# There is one change at a time. One engine after the other tries it until one refutes it.
# A change that no engine refutes is a survivor, unless
# verification/mutants/same-program.txt says why the changed program is the same. A change
# that is listed there must survive. A time-out refutes nothing, and neither does a changed
# count of executions or states. A failure counts if it happens twice in a row: a test of
# processes may fail by chance on a busy machine. Each engine has to pass the unchanged
# sources before it is used, and again at the end.
#
# The results are kept in target/every-mutant. A run that was stopped goes on from there. A
# change that was refuted stays refuted as long as its file is the same; one that is listed
# as the same program stays that. Any other is tried again once the sources or the tests
# have changed. verification/mutants/results.tsv has what stays of earlier runs: change,
# engine, outcome, checksum of the file, and the test that failed. KEEP=1 writes it anew at
# the end of a run. FRESH=1 uses no earlier result: if a test was loosened, or to see
# whether a new test refutes what is listed.
#
# ONLY=pattern tries only changes whose name in `cargo mutants --list` contains this regular
# expression. SAMPLE=n tries one of n, and others when the sources change.
# ENGINES="queue shell" uses only these engines, for a first look. ENGINES=none tries nothing
# and reports what is known.
set -eu

VERSION=27.1.0
root=$(cd "$(dirname "$0")/../.." && pwd)
same=$root/verification/mutants/same-program.txt
kept=$root/verification/mutants/results.tsv
config=$root/verification/mutants/cargo-mutants.toml
cargo=$root/verification/mutants/cargo
work=$(realpath -m "${CARGO_TARGET_DIR:-$root/target}")/every-mutant
copy=$work/src
tab=$(printf '\t')
export CARGO_TARGET_DIR="$work/build"
export RUST_BACKTRACE=0
# So that two runs try the same random cases.
export PROPTEST_RNG_SEED=1
export SCHEDULES=4000
export UNCOUNTED=1
# Nobody debugs them, and most of the time goes into building.
export CARGO_PROFILE_DEV_DEBUG=0 CARGO_PROFILE_TEST_DEBUG=0
# One test that fails is enough.
export FAIL_FAST=1

fail() {
    echo "$0: $1" >&2
    exit 1
}

cargo mutants --version 2>/dev/null | grep -qx "cargo-mutants $VERSION" ||
    fail "needs cargo-mutants (cargo install cargo-mutants --version $VERSION --locked)"

# Sets what an engine runs. A test that waits too long fails by its own bound, of at most
# two minutes, and has to do so twice. The bound here, in seconds, is for loops that never
# wait and never end.
engine() {
    filter=
    # What computes is optimised. What waits for processes is not: it builds ten times
    # as fast.
    export CARGO_PROFILE_TEST_OPT_LEVEL=2
    case $1 in tasks | library | shell | crash) CARGO_PROFILE_TEST_OPT_LEVEL=0 ;; esac
    case $1 in
    queue) packages="memtalk-ring verification" bound=300
        suites="--lib --test=fetches --test=initialise --test=messages --test=native --test=looks
            --test=seats --test=fifo --test=wakes --test=naps --test=hostile --test=look
            --test=corpus --test=threads"
        filter="--skip lifecycle --skip rc11" ;;
    ends) packages=memtalk-ring bound=600
        suites="--features=memtalk-ring/embedded-io-async --test=sit_down --test=waits
            --test=tasks --test=embedded_io --test=embedded_io_async" ;;
    # Beside nothing else, since it takes two processors.
    native) packages=memtalk-ring bound=300
        suites=--test=native ;;
    loom) packages=verification bound=1800
        suites="--features=loom --test=loom"
        filter="--skip every_ --skip long_" ;;
    shuttle) packages=verification bound=900
        suites="--features=shuttle --test=shuttle" ;;
    tasks) packages="memtalk verification" bound=300
        suites="--features=memtalk/tokio,memtalk/futures-io --lib --test=asynchronous
            --test=bridge"
        filter="--skip lifecycle --skip rc11" ;;
    library) packages=memtalk bound=300
        suites="--lib --test=library --test=basics --test=unnamed --test=talk" ;;
    shell) packages=memtalk bound=900
        suites="--test=descriptors --test=death --test=waits --test=outside
            --test=strangers --test=users --test=interrupted --test=messages
            --test=namespaces --test=vandals --test=usage --test=look --test=direction
            --test=program --test=service --test=device" ;;
    crash) packages=memtalk bound=1800
        suites="--features=memtalk/crash-points --test=crash --test=stops --test=failures
            --test=limits" ;;
    lifecycle) packages=verification bound=1800
        suites="--test=lifecycle"
        filter="--skip every_" ;;
    # Needs what `make bare-metal` needs.
    machines) packages=memtalk bound=1800
        suites=--test=linux_guests
        filter="--ignored x86_64" ;;
    esac
}

# Prints the engines for a change to a file, the cheap ones first.
engines_for() {
    case $1 in
    memtalk-ring/src/io*) set ends queue ;;
    memtalk-ring/src/atomics*) set queue ends native loom shuttle library shell ;;
    memtalk-ring/src/page/s*) set queue ends loom shuttle library shell lifecycle ;;
    memtalk-ring/*) set queue ends loom shuttle library shell ;;
    memtalk/src/asynchronous* | memtalk/src/wait/bridge*) set tasks loom ;;
    # What an end has learnt: hold, patience, placement, spin.
    memtalk/src/wait/[hps]*) set library tasks shell ;;
    memtalk/src/wait/*) set queue tasks library shell loom ;;
    memtalk/src/bin/*) set shell crash ;;
    memtalk/src/lifecycle/*) set library shell tasks crash lifecycle machines ;;
    *) set library shell tasks crash machines ;;
    esac
    for engine; do
        case " ${ENGINES:-$*} " in *" $engine "*) printf '%s ' "$engine" ;; esac
    done
}

# Kills the processes that a change left running, and removes the objects of their tests.
# The name of a test's object contains the test's process number. Tests with another user
# run a copy of the command, and some run sleep(1): those are ours if they hold this run's
# lock, as all do that this run has started.
sweep() {
    for process in /proc/[0-9]*; do
        case $(readlink "$process/exe" || true) in
        "$CARGO_TARGET_DIR"/*) ;;
        */memtalk-test-* | */sleep) [ "$process/fd/9" -ef "$work/lock" ] || continue ;;
        *) continue ;;
        esac
        kill -KILL "${process#/proc/}" || true
        rm -rf "/dev/shm/memtalk-test-${process#/proc/}"-*
    done 2>/dev/null
    # Undoes what a change added to the failing cases.
    cp "$root"/verification/tests/*.regressions "$copy/verification/tests"
}

# Checks that an engine passes the unchanged sources.
control() {
    engine "$1"
    subject=$1
    set --
    for package in $packages; do set -- "$@" -p "$package"; done
    # Several words.
    # shellcheck disable=SC2086
    (cd "$copy" && timeout "$bound" "$cargo" test -q --locked "$@" $suites -- $filter) \
        >"$work/log" 2>&1 || { cat "$work/log" >&2; fail "$subject fails without a change"; }
    sweep
}

# Tries a change with an engine. Prints caught, missed, timeout or unviable. The tests get
# what they get in a control run: without a jobserver, no descriptor is handed down.
try() {
    engine "$1"
    subject=$2
    set -- -F "^$(printf %s "$2" | sed 's/[][\\.|$(){}?+*^]/\\&/g')\$"
    for package in $packages; do set -- "$@" --test-package "$package"; done
    for suite in $suites; do set -- "$@" "--cargo-arg=$suite"; done
    rm -rf "$work/mutants.out"
    # Several words.
    # shellcheck disable=SC2086
    (cd "$copy" && CARGO=$cargo cargo-mutants mutants --config "$config" -o "$work" --in-place \
        --baseline skip --timeout "$bound" --build-timeout 900 --jobserver=false \
        --cargo-arg=--locked "$@" -- -- $filter) >"$work/log" 2>&1 || true
    sweep
    for outcome in caught missed timeout unviable; do
        if [ "$(cat "$work/mutants.out/$outcome.txt" 2>/dev/null)" = "$subject" ]; then
            echo "$outcome"
            return
        fi
    done
    cat "$work/log" >&2
    fail "$subject: not tried"
}

# Prints the test that failed the second time.
found_by() {
    cat "$work"/mutants.out/log/*.log | sed -n 's/^refuted by //p' | tail -n 1
}

# Gives each change a name that lasts when lines move: file, change, and the text of the
# line from the changed place on. That is how the list of same programs names them.
lasting() {
    awk -v copy="$copy" '{
        split($0, at, ":")
        if (at[1] != file) {
            file = at[1]; count = 0
            while ((getline line < (copy "/" file)) > 0) lines[++count] = line
            close(copy "/" file)
        }
        change = $0
        sub(/^[^ ]* /, "", change)
        print file ": " change ": " substr(lines[at[2]], at[3]) "\t" $0
    }'
}

# Prints the results that still hold, or only those that last.
valid() {
    awk -F "$tab" -v all="$all" -v only_lasting="${1:-}" '
        FILENAME ~ /sums$/ { sum[$1] = $2; next }
        FILENAME ~ /same$/ { same[$1] = 1; next }
        FILENAME ~ /named$/ { if ($1 in same) listed[$2] = 1; next }
        {
            file = $1; sub(/:.*/, "", file)
            lasts = $3 ~ /caught|unviable/ || $3 == "missed" && ($1 in listed)
            if (lasts ? $4 == sum[file] : $5 == all && !only_lasting) print
        }' "$work/sums" "$work/same" "$work/named" "$results" "$earlier"
}

mkdir -p "$work"
exec 9>"$work/lock"
flock -n 9 || fail "another run is in progress"
rm -rf "$copy"
mkdir "$copy"
(cd "$root" && cp -r Cargo.toml Cargo.lock memtalk memtalk-ring verification "$copy")
trap sweep EXIT
trap 'exit 130' INT TERM HUP
cd "$copy"
all=$(find . -type f ! -name '*.md' ! -path './verification/mutants/*' -print0 | sort -z |
    xargs -0 cat | cat - "$config" | cksum | tr ' ' -)
results=$work/results
earlier=$work/earlier
if [ -n "${FRESH:-}" ]; then
    results=$work/fresh
    : >"$results"
    : >"$earlier"
else
    touch "$results"
    awk -F "$tab" -v OFS="$tab" '{ print $1, $2, $3, $4, "", $5 }' "$kept" >"$earlier"
fi

cargo mutants --config "$config" --list >"$work/list"
# It makes these beside every change, whatever it is asked for.
! grep ": delete field " "$work/list" >&2 || fail "name all fields there, without .."
cut -d : -f 1 "$work/list" | uniq | while read -r file; do
    printf '%s\t%s\n' "$file" "$(cksum <"$file" | tr ' ' -)"
done >"$work/sums"
awk '/^[^ #]/ { print; entry = 1 } /^ / { entry = 0 } /^$/ && entry { exit }
    END { exit entry }' "$same" >"$work/same" || fail "an entry of $same has no reason"
lasting <"$work/list" >"$work/named"
grep -e "${ONLY:-}" "$work/list" |
    awk -v of="${SAMPLE:-1}" -v from="$(cksum <"$work/list" | cut -d ' ' -f 1)" \
        '(NR + from) % of == 0' >"$work/chosen"
[ -s "$work/chosen" ] || fail "no change has a name with ${ONLY:-}"
while IFS= read -r name; do
    printf '%s\t%s\n' "$name" "$(engines_for "$name")"
done <"$work/chosen" >"$work/plan"

echo "$(wc -l <"$work/chosen") of $(wc -l <"$work/list") changes; results: $results"
used=
while IFS=$tab read -r name engines <&3; do
    for engine in $engines; do
        known=$(valid | awk -F "$tab" -v name="$name" -v engine="$engine" \
            '$1 == name && ($2 == engine || $3 ~ /caught|unviable/) { print $3; exit }')
        if [ -z "$known" ]; then
            case " $used " in
            *" $engine "*) ;;
            *)
                control "$engine"
                used="$used $engine" ;;
            esac
            known=$(try "$engine" "$name")
            by=
            [ "$known" != caught ] || by=$(found_by)
            sum=$(awk -F "$tab" -v file="${name%%:*}" '$1 == file { print $2 }' "$work/sums")
            printf '%s\t%s\t%s\t%s\t%s\t%s\n' \
                "$name" "$engine" "$known" "$sum" "$all" "$by" >>"$results"
            echo "$name: $known by $engine${by:+ ($by)}"
        fi
        case $known in caught | unviable) break ;; esac
    done
done 3<"$work/plan"
# If the engines fail now, they may have failed all along: on a full disk, for example.
for engine in $used; do control "$engine"; done

valid >"$work/valid"
if [ -n "${KEEP:-}" ]; then
    valid lasting | awk -F "$tab" -v OFS="$tab" '
        !seen[$1, $3 == "missed" ? $2 : ""]++ { print $1, $2, $3, $4, $6 }' |
        LC_ALL=C sort >"$work/kept"
    cp "$work/kept" "$kept"
fi

# Reports what became of each change: the engine that refuted it, or why none did.
awk -F '\t' -v problems="$work/problems" '
    function problem(what) { print what > problems; bad = 1 }
    BEGIN { printf "" > problems }
    FILENAME ~ /same$/ { same[$1] = 1; next }
    FILENAME ~ /named$/ { lasting[$2] = $1; there[$1] = 1; next }
    FILENAME == "-" {
        if ($3 == "caught") killer[$1] = $2
        else if ($3 == "unviable" || $3 == "timeout" && fate[$1] != "unviable") fate[$1] = $3
        next
    }
    {
        file = $1; sub(/:.*/, "", file)
        if (!(file in made)) files[++count] = file
        made[file]++
        became = $1 in killer ? killer[$1] : $1 in fate ? fate[$1] : "survived"
        if (lasting[$1] in same) {
            if (became == "survived") became = "same"
            else problem("listed as the same program, but " became ": " lasting[$1])
        } else if (became == "survived" || became == "timeout")
            problem(became ": " $1)
        number[file, became]++
    }
    END {
        for (entry in same) if (!(entry in there)) problem("listed, but not made: " entry)
        columns = split("queue ends native loom shuttle tasks library shell crash lifecycle machines unviable same timeout survived", column, " ")
        printf "%-32s %5s", "file", "made"
        for (c = 1; c <= columns; c++) printf " %9s", column[c]
        print ""
        for (f = 1; f <= count; f++) {
            printf "%-32s %5d", files[f], made[files[f]]
            for (c = 1; c <= columns; c++) printf " %9d", number[files[f], column[c]]
            print ""
        }
    }' "$work/same" "$work/named" - "$work/chosen" <"$work/valid"
if [ -s "$work/problems" ]; then
    sort "$work/problems" >&2
    exit 1
fi
