#!/bin/sh
# Seeds one bug after another into a copy of the sources: a test has to find each.
#
# `make mutants` runs it. It prints which test found each bug. With --dry-run it only
# checks that each script still changes the sources (`make lint`). With ONLY=words it tries
# only the mutants whose name contains these words.
#
# A mutant is a name, a file, a sed script that changes the file, and the suites that have
# to find the bug (without any: those of the ring). The changed sources must compile: a bug
# that the compiler finds proves nothing here.
set -eu

root=$(cd "$(dirname "$0")/../.." && pwd)
target=$(realpath -m "${CARGO_TARGET_DIR:-$root/target}")
copy=$target/mutants/src
export CARGO_TARGET_DIR="$target/mutants/build"
export RUST_BACKTRACE=0
survivors=0
dry_run=${1:-}

# Runs the tests of a package. Fails if a test fails, or if they hang.
check() {
    timeout 300 cargo test -q --locked "$@" >"$copy/log" 2>&1
}

mutant() {
    name=$1 file=$2 script=$3
    shift 3
    [ $# -gt 0 ] || set -- "-p memtalk-ring --lib" "-p verification --test fifo" \
        "-p verification --test wakes" \
        "-p verification --test hostile" \
        "-p verification --test corpus" \
        "--features loom --test loom -- --skip every_weaker --skip long_"
    if sed "$script" "$root/$file" | cmp -s - "$root/$file"; then
        echo "$name: the script does not change $file any more" >&2
        exit 1
    fi
    if [ "$dry_run" ]; then
        return
    fi
    case $name in *"${ONLY:-}"*) ;; *) return ;; esac
    rm -rf "$copy"
    mkdir -p "$copy"
    (cd "$root" && cp -r Cargo.toml Cargo.lock memtalk memtalk-ring verification "$copy")
    cd "$copy"
    sed -i "$script" "$file"
    if ! cargo test -q --locked --no-run --features loom --workspace >log 2>&1; then
        cat log >&2
        echo "$name: does not compile" >&2
        exit 1
    fi
    for suite; do
        # Several words.
        # shellcheck disable=SC2086
        if ! check $suite; then
            if grep -q "could not compile" log; then
                cat log >&2
                echo "$name: does not compile for $suite" >&2
                exit 1
            fi
            # A test's panic names its thread, even if the process then aborts.
            found=$(sed -n "s/^thread '\([a-z_:0-9]*\)'.* panicked.*/\1/p" log | head -n 1)
            echo "$name: found by ${found:-a hang} ($suite)"
            return
        fi
    done
    echo "$name: NOT FOUND"
    survivors=$((survivors + 1))
}

side=memtalk-ring/src/ring/protocol.rs
mutant "capacity off by one" $side \
    's/Some(capacity.bytes() - used)/Some(capacity.bytes() + 1 - used)/'
mutant "missing wake-up" $side \
    's/^            self.wait.wake(.*);/            let _ = \&self.wait;/'
mutant "no wake-up after a copy at once" $side \
    '/^        self.notify();$/{N;s/.*\n        true$/        true/}'
mutant "no wake-up after a copy in pieces" $side \
    's/^        if done > 0 {/        if done > 1 {/'
mutant "no wake-up after a commit or a release in place" $side \
    '/^            self.advance_quietly(by);$/{n;d;}'
mutant "no wake-up in place, end to end" $side \
    '/^            self.advance_quietly(by);$/{n;d;}' "-p memtalk --test talk"
mutant "a commit of nothing is published" $side \
    's/if by > 0 \&\& self.state == State::Open {/if self.state == State::Open {/'
mutant "wake-up for less than was wanted" $side \
    's/(there >= want || self.state/(there > 0 || self.state/'
mutant "1 is announced in place of what is wanted" $side \
    's/Announce>(&mine.want, want)/Announce>(\&mine.want, want.min(1))/'
mutant "wake-up only for more than was wanted" $side \
    's/there >= want/there > want/'
mutant "an end of stream or a failure wakes nobody" $side \
    's/(there >= want || self.state != State::Open)/there >= want/'
mutant "a death wakes nobody" memtalk-ring/src/ring/departure.rs \
    's/^    wait.wake(.*);/    let _ = wait;/'
loom="-p verification --features loom --test loom --"
mutant "a task registers after its second look" $side \
    '/pub(crate) fn poll_wait/,/^    }/{/register(self.seen);/d;s/^                return Poll::Pending;/                register(self.seen);\n&/;}' \
    "$loom a_task_gets"
mutant "a task does not look again" $side \
    '/pub(crate) fn poll_wait/,/^    }/s/^            self.look()?;//' "$loom a_task_gets"
mutant "no fence after an announcement" $side \
    '/::fence::<site::AnnounceFence>();/d' "$loom a_task_gets"
mutant "no fence before an announcement is looked at" $side \
    '/::fence::<site::PublishFence>();/d' "$loom a_task_gets"
mutant "a task announces nothing" $side \
    '/pub(crate) fn poll_wait/,/^    }/s/^            self.announce(want);//' "$loom a_task_gets"
mutant "the announcement of a task is never taken back" $side \
    '/pub(crate) fn poll_wait/,/^    }/s/^        self.retract();//' "-p verification --test wakes"
mutant "a task waits for a peer that its second look found corrupt" $side \
    '/pub(crate) fn poll_wait/,/^    }/s/^            self.look()?;/            let _ = self.look();/' \
    "-p verification --test corpus"
mutant "a task that waits for the certificate is woken by anything" memtalk-ring/src/ring/sender.rs \
    's/self.side.poll_wait(THE_END, register)/self.side.poll_wait(1, register)/' \
    "-p verification --test wakes"
bell=memtalk-ring/src/wait/bell.rs
mutant "a bell wakes a task for each doorbell" $bell \
    's/^        self.swap(&self.receiver, &mut receiver.0);/&\n        if let Some(waker) = \&receiver.0 { self.register_receiver(waker); }/' \
    "$loom a_task_that_stopped"
mutant "a bell wakes the receiver only" $bell \
    's/^        self.swap(&self.sender, &mut sender.0);//' "$loom a_task_gets"
mutant "wakers are woken while their slot is in use" $bell \
    's/^            swap(unsafe.*/            let slot = unsafe { \&mut *slot.get() };\n            if waker.is_none() { drop(Heard(slot.take())); } else { swap(slot, waker); }/' \
    "-p memtalk-ring --test tasks"
mutant "comparison omitted before sleeping" verification/src/backend/futex.rs \
    's/if word.value.load(Ordering::Relaxed) == seen {/if word.value.load(Ordering::Relaxed) == seen || true {/'
mutant "comparison omitted before waiting for an interrupt" memtalk-ring/src/wait/doorbell.rs \
    's/if word.is(seen) {/if word.is(seen) || true {/'
mutant "an index that goes back is believed" $side \
    's/let honest = available >= self.available/let honest = true/'
mutant "an index out of range is believed" memtalk-ring/src/ring/capacity.rs \
    's/if used <= self.0 { Some(used) } else { None }/Some(used)/'
mutant "a confirmation that nobody asked for is believed" $side \
    's/state == State::Closed \&\& remaining == 0/true/'
mutant "confirmed before everything was received" memtalk-ring/src/ring/receiver.rs \
    's/if !self.at_end() {/if self.side.peer() != State::Closed {/'
mutant "a commit is published with the next one" $side \
    's/^        self.available -= by;/        self.available -= by; if self.index % 2 == 1 { return; }/'
mutant "closed before the last commit" $side \
    's/^            self.state = how;/            self.state = how; self.index = self.capacity.advance(self.index, 2 * self.capacity.bytes() - 1);/'
mutant "the cached index is used where a fresh one is needed" memtalk-ring/src/ring/sender.rs \
    's/if (self.side.available() as usize) < enough {/if self.side.available() == 0 {/'
mutant "a failure is reported before the last bytes" memtalk-ring/src/ring/receiver.rs \
    's/if self.side.available() == 0 \&\& self.side.peer() == State::Failed {/if self.side.peer() == State::Failed {/'
mutant "indices wrap one too late" memtalk-ring/src/ring/capacity.rs \
    's/if sum < self.indices() {/if sum <= self.indices() {/'
receiver=memtalk/src/ends/receiver.rs
mutant "a partial write counts as a whole one" $receiver \
    '/fn write_buffered/,/^    }/s/consume(count)/consume(usize::MAX)/' \
    "-p memtalk --test library"
mutant "a failure is reported before gathered bytes are written" $receiver \
    's/^                Err(_) => break,/                Err(error) => return Err(error),/' \
    "-p memtalk --test library"
mutant "output is polled as if it were input" memtalk/src/sys/transfer.rs \
    '/fn write_from/,/^}/s/ToWrite/ToRead/' "-p memtalk --test descriptors"
mutant "read returns bytes of the next talk" $receiver \
    '/let count = self.end.receive(bytes)/{n;d;}' \
    "-p memtalk --features crash-points --test stops"
mutant "fill_buf shows bytes of the next talk" $receiver \
    '/fn fill_buf/,/^    }/{/self.believe()?;/d;}' \
    "-p memtalk --features crash-points --test stops"
mutant "write_to writes bytes of the next talk" $receiver \
    '/fn gather/,/^    }/s/^        self.believe()$/        Ok(())/' "-p memtalk --features crash-points --test stops"
mutant "bytes that were refused are returned the next time" $receiver \
    '/self.buffer.clear();/d' "-p memtalk --features crash-points --test stops"
mutant "the end of the next talk is confirmed" $receiver \
    '/self.believe()?;/{N;/end.close/s/self.believe()?;//;}' "-p memtalk --test outside"
mutant "a stream is confirmed although bytes of it are still buffered" $receiver \
    '/pub fn close/,/^    }/s/!self.buffer.rest().is_empty()/false/' "-p memtalk --test library"
mutant "bytes that were shown and not consumed are lost" $receiver \
    '/fn fill_buf/,/^    }/s/if self.buffer.rest().is_empty() {/if true {/' \
    "-p memtalk --test library"
mutant "reading into an empty buffer waits" $receiver \
    's/if bytes.is_empty() || self.wait/if self.wait/' "-p memtalk --test waits"
mutant "input is read for a peer that has stopped" memtalk/src/ends/sender.rs \
    '/self.end.wait(1)/d' "-p memtalk --test waits"
mutant "writing an empty buffer waits" memtalk/src/ends/sender.rs \
    's/if sent > 0 || bytes.is_empty()/if sent > 0/' "-p memtalk --test waits"
mutant "a failure of the input ends the talk at once" memtalk/src/bin/memtalk/relay.rs \
    's/Event::Sent(Err(failure)) => self.fail_ours(failure),/Event::Sent(Err(failure)) => { self.theirs = Stream::Failed; self.fail_ours(failure) }/' \
    "-p memtalk --test descriptors"
mutant "confirmed before standard output is closed" memtalk/src/bin/memtalk/relay.rs \
    's/0 => return sink.close(),/0 => return Ok(()),/
        s/receiver.close().map_err(Failure::Talk)/&.and_then(|()| sink.close())/' \
    "-p memtalk --test descriptors"
mutant "what a program wrote is cut off if it stops reading" memtalk/src/bin/memtalk/relay.rs \
    's/|| self.source != Kind::Program/|| true/' "-p memtalk --test program"
mutant "a hint without our own part done" memtalk/src/bin/memtalk/relay.rs \
    's/(Stream::Open, _) if self.input_ended/(Stream::Open, _) if true/' "-p memtalk --test direction"
program=memtalk/src/bin/memtalk/program.rs
mutant "descendants of a program are waited for" $program \
    '/fn give_to/,/^    }/s/if ended {/if false \&\& ended {/' "-p memtalk --test program"
mutant "descendants that do not read hold up a program's end" $program \
    's/if !ended {/if true {/' "-p memtalk --test program"
mutant "what a program wrote before it ended is left in the pipe" $program \
    's/Some(sys::readable_bytes(self.pipe.as_fd())?)/Some(0)/' "-p memtalk --test program"
mutant "a program outlives memtalk" $program \
    '/PR_SET_PDEATHSIG, libc::SIGKILL/d' "-p memtalk --test program"
mutant "a program is not reaped" $program \
    's/state.status = state.child.wait().ok();/return;/' "-p memtalk --test program"
mutant "the stream of a killed program looks complete" $program \
    's/self.program.wait(CLOSED).and_then(|status| status.signal())/None::<i32>/' "-p memtalk --test program"
mutant "an incomplete input looks complete to a program" $program \
    '/^    fn terminate/,/^    }/s/state.terminated = true;/return;/' "-p memtalk --test program"
mutant "a program that ignores TERM is waited for" $program \
    's/self.signal(libc::SIGKILL);//' "-p memtalk --test program"
mutant "a signal is not passed on to a program" memtalk/src/bin/memtalk/command.rs \
    's/program.signal(signal.number);//' "-p memtalk --test program"
mutant "a receiver reads its input" memtalk/src/bin/memtalk/talk.rs \
    's/true => Source::Nothing/true => Source::Stdin/' "-p memtalk --test direction"
mutant "a sender takes what comes" memtalk/src/bin/memtalk/streams.rs \
    's/Ok(_) => Err(Failure::Unexpected)/Ok(count) => Ok(count)/' "-p memtalk --test direction"
naps="-p verification --test naps"
futex=memtalk/src/wait/futex.rs
nap=memtalk/src/wait/nap.rs
mutant "a wait that is given up leaves its announcement" $side \
    '/^        self.wait.sleep(Watched/{n;d;}' "$naps"
mutant "a wait is given up although there is room" $side \
    's/self.available > 0 \&\& want != THE_END/false/' "$naps"
mutant "free room counts as a confirmation that did not come" $side \
    's/self.available > 0 \&\& want != THE_END/self.available > 0/' "$naps"
mutant "the time of a wait begins with the one before" $futex \
    's/^            if looks == 1 {/            if looks == 1 \&\& sleeper.end.is_zero() {/' "$naps"
mutant "a sleep outlasts its limit" $futex \
    's/self.kernel.wait(word, seen, left);/self.kernel.wait(word, seen, None);/' "$naps"
mutant "a nap outlasts its limit" $futex \
    's/left.min(nap)/nap.max(left - left)/' "$naps"
basics="-p memtalk --test basics"
mutant "gathered input waits for room with a timeout" memtalk/src/ends/sender.rs \
    's/if patient \&\& staged/if staged/' "$basics"
mutant "a close with a deadline changes the timeout" memtalk/src/ends/sender.rs \
    's/set_limit(self.write_timeout)/set_limit(Some(time))/' "$basics"
mutant "nothing yet is taken for the end" $receiver \
    's/match count > 0 || self.end.at_end() {/match true {/' "$basics"
mutant "a full ring is taken for a write of nothing" memtalk/src/ends/sender.rs \
    's/0 if !bytes.is_empty() => Err/0 if false => Err/' "$basics"
mutant "a channel is closed over unread bytes" $receiver \
    's/0 if self.wait()? == 0 => Ok(()),/_ if true => Ok(()),/' "$basics"
mutant "the wait for a peer is not given up" memtalk/src/lifecycle/retry.rs \
    '/pub(crate) fn time_to_look/,/^    }/{/Cancel::check/d;}' "$basics"
mutant "the wait at a door is not given up" memtalk/src/lifecycle/retry.rs \
    '/pub(crate) fn pause/,/^    }/{/Cancel::check/d;}' "$basics"
unnamed="-p memtalk --test unnamed"
mutant "memory that is given is joined through the same open file" memtalk/src/sys/shm.rs \
    '/pub(crate) fn open_again/,/^}/s/call(|| options.*/call(|| { let _ = (\&path, \&mut options); file.try_clone() })/' "$unnamed"
mutant "memory that is given can be truncated" memtalk/src/sys/shm.rs \
    's/if seals \& SIZE != SIZE {/if false {/' "$unnamed"
mutant "who was given memory starts over" memtalk/src/lifecycle/sit_down.rs \
    's/if !os.has_name() \&\& !os.is_fixed() =>/if false =>/' \
    "-p verification --test lifecycle -- without_a_name" "$unnamed"
service=memtalk/src/service.rs
mutant "a busy service looks free" memtalk/src/lifecycle/linux.rs \
    's/if self.part == Part::BusyService/if false \&\& self.part == Part::BusyService/' "-p memtalk --test service"
mutant "a service never has time" memtalk/src/talk/seated.rs \
    's/self.object.give_turn()?;//' "-p memtalk --test service"
mutant "the last who came is served first" $service \
    's/state.queue.pop_front()/state.queue.pop_back()/' "-p memtalk --test service"
mutant "who has left the queue is served" $service \
    's/if talk.seated.peer_sits()?/if true/' "-p memtalk --test service"
mutant "a service that is stopped begins another talk" $service \
    '/^    fn next/,/^    }/s/if state.over {/if false {/' "-p memtalk --test service"
mutant "the name stays with the talk" $service \
    '/talk.seated.release_name/d' "-p memtalk --test service"
mutant "a client creates an object" memtalk/src/lifecycle/sit_down.rs \
    's/Self::Create if os.is_client()/Self::Create if false/' "-p memtalk --test service"
mutant "a client takes a dead service for ready" memtalk/src/lifecycle/await_turn.rs \
    's/(false, _) => Step::Done(Turn::Lost)/(false, _) => Step::Done(Turn::Ours)/' \
    "-p memtalk --test service" "-p verification --test lifecycle -- service"
mutant "lost memory is reported as a failure of the descriptor" memtalk/src/error.rs \
    's/Some(libc::EFAULT) =>/Some(0) =>/' "-p memtalk --test death"
mutant "finishing does not wait for the certificate" memtalk/src/channel.rs \
    '/^        self.sender.close()?;/d' "-p memtalk --test waits"
mutant "gathered input is polled as if it were output" memtalk/src/sys/transfer.rs \
    '/fn read(/,/^}/s/ToRead/ToWrite/' "-p memtalk --test descriptors"
mutant "input is polled as if it were output" memtalk/src/sys/transfer.rs \
    '/fn read_into/,/^}/s/ToRead/ToWrite/' "-p memtalk --test descriptors"
mutant "gathered output is polled as if it were input" memtalk/src/sys/transfer.rs \
    '/fn write(/,/^}/s/ToWrite/ToRead/' "-p memtalk --test descriptors"
mutant "a signal ends the wait for a descriptor" memtalk/src/sys/transfer.rs \
    's/super::retry(|| \(unsafe { libc::poll(first, count, -1) }\))?;/if \1 < 0 { return Err(io::Error::last_os_error()); }/' \
    "-p memtalk --test interrupted"
map=memtalk/src/sys/map.rs
mutant "the private copy that is left on exit is of other memory" $map \
    's/false => (libc::MAP_PRIVATE, self.0.offset),/false => (libc::MAP_PRIVATE, 0),/' "-p memtalk --test outside"
mutant "a page is initialised under ends in use" $map \
    's/true => Err(PageError::Taken),/true => make(mapping),/' \
    "-p memtalk --lib"
mutant "the second's words are cleared under ends in use" $map \
    's/true => Ok(()),/true => unsafe { page.join_by(futex::set_and_wake::<SEATED, _>) },/' \
    "-p memtalk --lib"
mutant "ends are taken twice" $map \
    's/true => None,/true => Some(unsafe { page.ends(seat, wait) }),/' "-p memtalk --lib"
mutant "a watcher of a seat is taken for the party that sits there" memtalk/src/sys/lock.rs \
    '/F_OFD_GETLK/s/F_RDLCK/F_WRLCK/' "-p memtalk --test waits"
mutant "asking who has the object open kills the process that asks" memtalk/src/sys/lease.rs \
    '/^    continue_when_broken(file)/{N;s/.*/    lease(libc::F_WRLCK)/;}' \
    "-p memtalk --features crash-points --test stops"
mutant "the lease is not given back" memtalk/src/sys/lease.rs \
    's/^        || lease(libc::F_UNLCK).is_err()//' "-p memtalk --test waits"
mutant "the lease is asked for once" memtalk/src/lifecycle/linux.rs \
    's/let mut again = \[500, 1000, 1500, 2000\]/let mut again = [0; 0]/' \
    "-p memtalk --test waits"
mutant "an onlooker opens what is no file" memtalk/src/look/hands.rs \
    's/Some(found) if found.is_file() => {}/Some(_) if true => {}/' "-p memtalk --test look"
mutant "an onlooker calls corrupt what it has seen once" memtalk/src/look.rs \
    's/Some(pause) if !clear => sys::nap(pause)/Some(pause) if clear => sys::nap(pause)/' \
    "-p memtalk --lib"
mutant "an onlooker looks at the locks of another page" memtalk/src/look/hands.rs \
    's/self.at() + seat_byte/seat_byte/' "-p memtalk --test look"
mutant "a stuck process is reported as a failure of its own" memtalk/src/status.rs \
    's/Error::Busy | Error::Stuck => /Error::Busy => /;s/Error::Ended | Error::NotAtEnd/Error::Stuck | &/' \
    "-p memtalk --test users"
page=memtalk-ring/src/page.rs
mutant "a newcomer marks its seat before it has cleared its words" $page \
    '/pub unsafe fn join_by/,/^    }/{/clear_words/d;s/^        take(.*)/        let taken = &;/;s/^    }/        clear_words([\&self.ring(1).sender, \&self.ring(0).receiver]);\n        taken\n    }/}' \
    "$loom a_seat_is_taken"
mutant "the look for a restart may come before the bytes are read" $page \
    '/A.*::fence::<site::NoticeFence>();/d' "$loom a_restart"
mutant "a process that leaves marks a seat that another party has by now" $page \
    's/R::Atomics::compare_exchange::<site::LeaveSeat>(word, Presence::PROCESS.word(), LEFT);/if R::Atomics::load::<site::LookAtSeat>(word) == Presence::PROCESS.word() { R::Atomics::store::<site::TakeSeat>(word, LEFT) }/' \
    "-p verification --features shuttle --test shuttle -- a_process_that_leaves_late"
outside=memtalk-ring/src/page/sit_down.rs
search="-p verification --test lifecycle -- machine"
mutant "a party outside joins one that no longer waits" $outside \
    's/_ if !left \&\& first \& WAITING != 0 => Self::Join/_ if !left => Self::Join/' "$search"
mutant "a party outside joins one that has left" $outside \
    's/_ if !left \&\& first \& WAITING/_ if first \& (WAITING | LEFT)/' "$search"
mutant "a party outside begins the next talk before its process has left the last" $outside \
    '/Some(_) if ours \&\& left/d' "$search"
mutant "a party outside does not leave the seat that it had before a restart" $outside \
    's/Some(_) => Self::Leave/Some(_) => Self::Refused(PageError::Over)/' "$search"
mutant "memory that goes away is not noticed" memtalk/src/lifecycle/object.rs \
    's/true => !page.is_ours(seat, Presence::DEVICE),/true => false,/' "-p memtalk --test device"
mutant "a party whose memory has gone writes there once more" memtalk/src/lifecycle/linux.rs \
    's/if object.is_device() \&\& object.is_restarted(seat) {/if false {/' "-p memtalk --test device"
mutant "a newcomer gives no guard the time to speak" memtalk/src/talk/seated.rs \
    's/at_seat.pause_at_seat(|time| idle(time, None))?;/return Err(Error::Busy);/' \
    "-p memtalk --test device -- a_newcomer_gives"
mutant "a lease is not waited for where a path leads to memory" memtalk/src/lifecycle/linux.rs \
    's/Err(e) if e.kind() == io::ErrorKind::WouldBlock => Ok(Found::Contended),//' \
    "-p memtalk --test device -- a_file_on_which"
identity=memtalk-ring/src/page/header.rs
mutant "the magic number stays while a page is initialised" $identity \
    '/A::store::<site::HeaderStore>(&identity.magic, 0);/d' "-p memtalk-ring --test initialise"
mutant "the second's seat is not freed by a restart" $identity \
    '/A::store::<site::HeaderStore>(second_seat, nobody);/d' "-p memtalk-ring --test initialise"
mutant "what an end wanted is still wanted in the next talk" $identity \
    '/A::store::<site::HeaderStore>(&line.want, 0);/d' "-p memtalk-ring --test initialise"
mutant "no barrier before a signal" memtalk-ring/src/wait/barrier.rs \
    '/A::fence::<site::SignalFence>();/d' "$loom a_death_is_heard"
futex=memtalk/src/wait/futex.rs
nap=memtalk/src/wait/nap.rs
mutant "a process sleeps without a limit for a peer of which it knows nothing" $nap \
    's/.is_some_and(|peer| !peer.silent)/.is_none_or(|peer| !peer.silent)/' \
    "$loom a_byte_arrives_from_a_peer_that_has_left" "-p verification --test naps"
mutant "a process sleeps without a limit for a silent peer" $nap \
    's/.is_some_and(|peer| !peer.silent)/.is_some()/' "$loom a_byte_arrives_from_a_peer_that_begins"
mutant "naps grow without a limit" $nap \
    's/LONGEST.min(2 \* self.0)/2 * self.0/' "-p verification --test naps"
mutant "the first party reads the seat word again before it sleeps" $futex \
    's/kernel.wait(page.seat_word(seat), said,/kernel.wait(page.seat_word(seat), page.seat_value(seat),/' \
    "$loom a_newcomer_wakes"
bridge=memtalk/src/wait/bridge.rs
bridged="-p verification --features loom --test loom -- bridge"
mutant "a task that registers at a bridge does not kick" $bridge \
    '/pub fn register/,/^    }/{/kernel.kick/d;/kicks.wrapping_add/d}' "$bridged"
mutant "a task that registers another value does not kick a thread that is armed" $bridge \
    's/if end.armed != Some(seen) {/if end.armed.is_none() {/' "$loom an_index_comes_round"
mutant "a bridge waits with the kicks that came after its look" $bridge \
    's/self.kernel.wait(kicks, &words/let kicks = self.ends.with(|ends| ends.kicks).max(kicks);\n            &/' "$bridged"
mutant "a bridge arms with the new value and does not wake" $bridge \
    's/^                let waker = end.waker.take();/                let waker = end.waker.clone();/;s/^                woken.extend(waker);//' "$bridged"
mutant "a bridge takes a waker before it compares" $bridge \
    's/^            if value != seen {/            woken.extend(end.waker.take());\n&/' "-p verification --test bridge"
mutant "a bridge is not told of an end that is dropped" $bridge \
    '/pub fn remove/,/^    }/{/kernel.kick/d;/kicks.wrapping_add/d}' "$bridged"
mutant "a bridge keeps the memory of an end that was dropped" $bridge \
    's/^            words.clear();//' "-p verification --test bridge"
mutant "an end that was woken is no longer waited for" $bridge \
    's/(waker.is_some() && is_woken).then_some(value)/None/' "-p verification --test bridge"
mutant "an end stays armed beside a silent peer" $bridge \
    's/(waker.is_some() && is_woken).then_some(value)/waker.is_some().then_some(value)/' \
    "-p verification --test bridge"
mutant "a bridge sleeps without a limit for a silent peer" $bridge \
    's/^            if !is_woken {/            if is_woken \&\& value == seen {/' "-p verification --test bridge"
mutant "a waker is dropped under the lock of its bridge" $bridge \
    's/swap(&mut end.waker, &mut waker);/end.waker = waker.take();/' "-p verification --test bridge"
bridges=memtalk/src/wait/bridges.rs
asynchronous="-p memtalk --features tokio,futures-io --test asynchronous"
mutant "a child that was forked waits for a thread that it has not" $bridges \
    's/if owner != process => /if owner == 0 => /' "$asynchronous"
mutant "a failure to start a bridging thread is kept secret" $bridges \
    's/failed.map_or(Poll::Pending, |error| Poll::Ready(Err(error)))/drop(failed); Poll::Pending/' "$asynchronous"
mutant "a task that is to look again is not woken" $bridges \
    's/^            waker.wake_by_ref();//' "$asynchronous"
mutant "a waker that panics ends its bridge" $bridges \
    's/if let Err(panic) = catch_unwind(AssertUnwindSafe(|| waker.wake())) {/waker.wake();\n        if let Err(panic) = catch_unwind(AssertUnwindSafe(|| ())) {/' "$asynchronous"
mutant "a bridge that cannot sleep does not look again" $bridges \
    's/^                sys::nap(nap::LONGEST);/                loop { sys::nap(nap::LONGEST) }/' "$asynchronous"
mutant "without futex_waitv, a kick does not reach the thread" $bridges \
    's/^            futex::wake(word);//;s/ SECOND: Duration = Duration::from_secs(1)/ SECOND: Duration = Duration::from_secs(60)/' "$asynchronous"
mutant "a thread ends no bridge" $bridges \
    's/^        if last {/        if last \&\& false {/' "$asynchronous"
asyncs=memtalk/src/asynchronous/sender.rs
mutant "a task that has room goes on asking for wake-ups" $asyncs \
    's/^        if self.asked {/        if false {/' "$asynchronous"
sysfutex=memtalk/src/sys/futex.rs
mutant "the kernel is asked to sleep on the value that the word has by now" $sysfutex \
    's/^            seen,$/            unsafe { word.as_ptr().read_volatile() },/' "-p memtalk --lib"
mutant "EINTR ends a system call" memtalk/src/sys.rs \
    's/if e.kind() == io::ErrorKind::Interrupted => {}/if e.raw_os_error() == Some(0) => {}/' \
    "-p memtalk --features crash-points --test failures"
mutant "the receiver of what a seat sends is not woken" $page \
    '/pub fn peers_words/,/^    }/s/seat.peer().index()).sender/seat.peer().index()).receiver/' \
    "-p memtalk-ring --test waits"
mutant "the sender to a seat is not woken" $page \
    '/pub fn peers_words/,/^    }/s/seat.index()).receiver/seat.index()).sender/' \
    "-p memtalk-ring --test waits"
mutant "a sender that waits for the certificate announces another value than the layout's" $side \
    's/THE_END: u32 = u32::MAX;/THE_END: u32 = u32::MAX - 1;/' "-p memtalk-ring --test waits"
mutant "waiting for no bytes does not wait" memtalk-ring/src/ring/sender.rs \
    's/want.max(1).min(capacity)/want.min(capacity)/' "-p memtalk-ring --test waits"
c=memtalk-ring/c/src/page.rs
mutant "in C, a party with locks sits down as one without" $c \
    's/if !presence(flags)?.outside {/if !presence(flags)?.silent {/' "-p memtalk-ring-c --test calls"
mutant "in C, a seat that was left looks free" $c \
    's/map_or(MEMTALK_LEFT, Presence::word)/map_or(0, Presence::word)/' \
    "-p memtalk-ring-c --test calls"

if [ "$survivors" -ne 0 ]; then
    echo "$survivors bugs were not found" >&2
    exit 1
fi
