/*
 * memtalk for C: two processes on one machine exchange two byte streams, one each way,
 * through a page of shared memory.
 *
 * This file is generated from the sources of memtalk-c. Change them, then run
 * BLESS=1 cargo test -p memtalk-c --test header
 *
 * Two programs meet under a name, in either order, each with the same code:
 *
 *     memtalk_talk talk;
 *     memtalk_options options;
 *     memtalk_options_init(&options, sizeof options);
 *     options.timeout_us = 10 * 1000000;
 *     if (memtalk_open("/someobject", &options, &talk) < 0) {
 *         fprintf(stderr, "%s\n", memtalk_message());
 *         return 1;
 *     }
 *     memtalk_write_all(talk, "a question", 10);
 *     memtalk_end(talk);                        // half-close
 *     while ((count = memtalk_read(talk, answer, sizeof answer)) > 0)
 *         ...
 *     if (memtalk_close(talk, -1) == 0)
 *         ...                                   // the certificate: all was delivered
 *
 * Results. Functions return a number that is 0 or more, or an error: a negative number of
 * memtalk_e. memtalk_text has a few words for each, memtalk_message the whole line about
 * this thread's last failure. With MEMTALK_E_SYSTEM, errno has the system's number;
 * otherwise errno means nothing.
 *
 * Time is in microseconds. A negative time is no limit.
 *
 * Handles. A memtalk_talk and a memtalk_cancel are numbers, and none comes again. So one
 * that was freed, or never opened, is MEMTALK_E_BAD_HANDLE, in any thread and at any time.
 * Every talk that was opened is given back once, with memtalk_close or memtalk_free.
 *
 * Threads. Any thread may call any function. One thread at a time reads, and one writes;
 * these may be two. A second one in the same end gets MEMTALK_E_IN_USE, and nothing
 * happens. memtalk_confirm and memtalk_read_fd count as reading, memtalk_end and
 * memtalk_wait_delivered as writing; memtalk_close, memtalk_free and memtalk_wait_for_peer
 * need the whole talk. memtalk_peer and its like, memtalk_capacity, memtalk_give_up,
 * memtalk_leave and memtalk_cancel_waits may be called while others are in calls.
 *
 * Waiting. memtalk_open and memtalk_wait_for_peer wait for the peer: options.timeout_us
 * and memtalk_cancel bound that. memtalk_read and memtalk_write wait as long as their
 * timeouts allow, and memtalk_try_read and memtalk_try_write never do. memtalk_read_fd and
 * memtalk_write_fd are descriptors for poll(2). A call that waits in another thread cannot
 * be interrupted alone: give it a timeout, or end the talk with memtalk_give_up.
 *
 * Signals interrupt no call: it goes on waiting. The library installs no handler, and no
 * function of it is safe in one. It starts threads, which have the signal mask of the
 * thread that has opened the talk: block the signals that these are not to handle.
 *
 * Fork. A child that does not exec has the handles of its parent, and every call with them
 * is MEMTALK_E_FORKED. It may open talks of its own. Until it ends, the peer does not learn
 * of its parent's death. A child that execs shares nothing: all descriptors are closed.
 *
 * The end of the process frees nothing: to the peer it is a death, unless the talk was
 * closed, or memtalk_leave was called.
 *
 * Trust. The peer may write anything into the shared memory at any time. A call then
 * returns bytes or an error, and touches no memory but the page and yours. If somebody
 * truncates the object while it is in use, an access raises SIGBUS, as with any shared
 * mapping of a file. Memory of memtalk_create and memtalk_pair cannot be truncated.
 *
 * Your part, which no function can check:
 * - A pointer is NULL, or points to what its type says. `bytes` points to `len` bytes. A
 *   string ends with a NUL.
 * - Nobody else uses `bytes` or any other place during the call.
 * - Nobody ends the thread during a call: no pthread_cancel, no longjmp.
 *
 * NULL, a length above PTRDIFF_MAX, and a number that is out of its range are
 * MEMTALK_E_BAD_ARGUMENT. `bytes` may be NULL if `len` is 0.
 */
