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

#ifndef MEMTALK_H
#define MEMTALK_H

#include <stddef.h>
#include <stdint.h>

// Flag in memtalk_options: wait for a party that waits, and for our turn, as a client of a
// service (memtalk --keep). Creates nothing.
#define MEMTALK_AS_CLIENT 1

// Flag in memtalk_options: the object is the memory of a virtual machine or a device. Join
// the page at `offset` as soon as the machine has initialised it.
#define MEMTALK_AT_OFFSET 2

// Flag in memtalk_options: as MEMTALK_AT_OFFSET, but search for the page.
#define MEMTALK_ANYWHERE 4

// Why a call failed. Functions return these as negative numbers; 0 and more mean
// success.
enum memtalk_e
#if defined(__cplusplus) || __STDC_VERSION__ >= 202311L
  : int32_t
#endif // defined(__cplusplus) || __STDC_VERSION__ >= 202311L
 {
  // A pointer is NULL, a number is out of its range, or a flag is unknown. Nothing was
  // done.
  MEMTALK_E_BAD_ARGUMENT = -1,
  // No open handle: it was never opened, or it was freed. Nothing was done.
  MEMTALK_E_BAD_HANDLE = -2,
  // Another thread is in a call with this end, or with the whole talk. Nothing was done.
  MEMTALK_E_IN_USE = -3,
  // The talk has no peer yet, or the wait for one has failed. Nothing was done.
  MEMTALK_E_NOT_OPEN = -4,
  // The handle was opened by another process, from which this one was forked. Nothing
  // was done.
  MEMTALK_E_FORKED = -5,
  // A call has found a bug in this library. The talk can only be freed.
  MEMTALK_E_PANICKED = -6,
  // A call that never waits would have had to. Nothing was moved.
  MEMTALK_E_AGAIN = -10,
  // No peer came in time.
  MEMTALK_E_TIMEOUT = -11,
  // The peer has sent nothing, made no room or not confirmed in time. Nothing was lost,
  // and the call may be made again.
  MEMTALK_E_STALLED = -12,
  // The wait for a peer was given up by memtalk_cancel_waits.
  MEMTALK_E_CANCELLED = -13,
  // The name is none: it has to be a slash, and 1 to 254 bytes without another slash.
  MEMTALK_E_NAME = -20,
  // The number of pages is more than fit in 1 GiB.
  MEMTALK_E_PAGES = -21,
  // The mode is not 0600, 0660, 0606 or 0666.
  MEMTALK_E_MODE = -22,
  // The offset is not a multiple of 64, or not less than 2^62.
  MEMTALK_E_OFFSET = -23,
  // Two processes already talk through this object.
  MEMTALK_E_BUSY = -30,
  // Another process keeps the object locked; it may be stopped.
  MEMTALK_E_STUCK = -31,
  // The object is not memtalk's, or has another layout. It was left untouched.
  MEMTALK_E_FOREIGN = -32,
  // What the name or the descriptor leads to is no shared memory object.
  MEMTALK_E_NOT_AN_OBJECT = -33,
  // The memory can be truncated and cannot be sealed: it is no memfd, or its seals are
  // sealed.
  MEMTALK_E_UNSEALED = -34,
  // The object belongs to another user, and no mode was given; or it does not let us in.
  MEMTALK_E_NOT_OURS = -35,
  // The object lets in users that the mode does not let in.
  MEMTALK_E_MODES_DIFFER = -36,
  // An earlier talk left an object of another user, who alone can remove it.
  MEMTALK_E_LEFT_BEHIND = -37,
  // The object has another number of pages.
  MEMTALK_E_PAGES_DIFFER = -38,
  // The machine's memory holds more than one page.
  MEMTALK_E_SEVERAL_PAGES = -39,
  // The peer died. What it had sent was delivered; the streams are incomplete.
  MEMTALK_E_PEER_DIED = -40,
  // The peer, a machine, has started again. The streams are incomplete.
  MEMTALK_E_PEER_RESTARTED = -41,
  // The peer stopped reading or writing early: it failed, or was interrupted.
  MEMTALK_E_PEER_STOPPED = -42,
  // Something overwrote the shared memory.
  MEMTALK_E_CORRUPT = -43,
  // Somebody truncated the object, or its file system is full.
  MEMTALK_E_TRUNCATED = -44,
  // This end is over: ended, confirmed, or given up.
  MEMTALK_E_ENDED = -45,
  // The peer's stream is not at its end: there are bytes that were not read.
  MEMTALK_E_NOT_AT_END = -46,
  // A system call failed. `errno` has the system's number.
  MEMTALK_E_SYSTEM = -50,
  // A cause that this version of the interface has no number for.
  MEMTALK_E_OTHER = -51,
};
#ifndef __cplusplus
#if __STDC_VERSION__ >= 202311L
typedef enum memtalk_e memtalk_e;
#else
typedef int32_t memtalk_e;
#endif // __STDC_VERSION__ >= 202311L
#endif // __cplusplus

// Who the peer is: what memtalk_peer returns.
enum memtalk_party
#if defined(__cplusplus) || __STDC_VERSION__ >= 202311L
  : int32_t
#endif // defined(__cplusplus) || __STDC_VERSION__ >= 202311L
 {
  // Nobody any more.
  MEMTALK_PARTY_GONE = 0,
  // A process, of which the process id and the user are known.
  MEMTALK_PARTY_PROCESS = 1,
  // A process that is not shown to this user, or is in another PID namespace.
  MEMTALK_PARTY_HIDDEN = 2,
  // A party outside: a virtual machine, a device, a program that holds no locks.
  MEMTALK_PARTY_OUTSIDE = 3,
};
#ifndef __cplusplus
#if __STDC_VERSION__ >= 202311L
typedef enum memtalk_party memtalk_party;
#else
typedef int32_t memtalk_party;
#endif // __STDC_VERSION__ >= 202311L
#endif // __cplusplus

// How the peer went: what memtalk_peer_wait_until_gone returns.
enum memtalk_departure
#if defined(__cplusplus) || __STDC_VERSION__ >= 202311L
  : int32_t
#endif // defined(__cplusplus) || __STDC_VERSION__ >= 202311L
 {
  // It has not gone: our part of the talk ended first.
  MEMTALK_DEPARTURE_NONE = 0,
  // It closed both its ends: both streams are complete.
  MEMTALK_DEPARTURE_COMPLETE = 1,
  // It gave up.
  MEMTALK_DEPARTURE_GAVE_UP = 2,
  // It died.
  MEMTALK_DEPARTURE_DIED = 3,
  // It was a machine, and has started again.
  MEMTALK_DEPARTURE_RESTARTED = 4,
};
#ifndef __cplusplus
#if __STDC_VERSION__ >= 202311L
typedef enum memtalk_departure memtalk_departure;
#else
typedef int32_t memtalk_departure;
#endif // __STDC_VERSION__ >= 202311L
#endif // __cplusplus

// What ends waits for a peer, from any thread: put it into the memtalk_options of those
// who wait. It is a number: copy it as you like. One that is all zero is none.
typedef struct memtalk_cancel {
  uint64_t handle;
} memtalk_cancel;

// How to open a talk. Call memtalk_options_init first, and then set what you like.
typedef struct memtalk_options {
  // The size of this structure, which memtalk_options_init sets.
  size_t size;
  // The number of pages of a new object, at most 1 GiB in all; an object that is there
  // must have as many. 0, the default: a new one has 1, and any is joined.
  size_t pages;
  // How long to wait for the peer, in microseconds. 0: join a peer that waits already,
  // or give up. Negative, the default: no limit.
  int64_t timeout_us;
  // The page's offset in bytes, with MEMTALK_AT_OFFSET: a multiple of 64.
  uint64_t offset;
  // Lets other users take part: 0600, 0660, 0606 or 0666. 0, the default: nobody else,
  // and no other user's object.
  uint32_t mode;
  // MEMTALK_AS_CLIENT, MEMTALK_AT_OFFSET, MEMTALK_ANYWHERE, or none of them: the
  // default.
  uint32_t flags;
  // What ends the wait from another thread; none, the default.
  struct memtalk_cancel cancel;
} memtalk_options;

// A talk: the two ends of one party. You get it from memtalk_open and others, and give it
// back with memtalk_close or memtalk_free. It is a number: copy it as you like. One that
// is all zero is no talk.
typedef struct memtalk_talk {
  uint64_t handle;
} memtalk_talk;

#ifdef __cplusplus
extern "C" {
#endif // __cplusplus

// What happened in the last call of this thread that failed, and what to do about it: one
// line in English, without a newline at its end. Empty if none has failed.
//
// Returns a string, never NULL. It is valid until the next call of this thread that
// fails.
const char *memtalk_message(void);

// The text of an error in English: a few words, without a full stop.
//
// Returns a constant string for any number, never NULL.
const char *memtalk_text(int32_t error);

// The exit status that the command `memtalk` has for this error, for programs that end
// with the same statuses: 0 for a number that is no error, 1 for an unknown error.
int32_t memtalk_exit_status(int32_t error);

// Makes one that has cancelled nothing yet. It is given back with memtalk_cancel_free.
//
// Returns 0, or MEMTALK_E_BAD_ARGUMENT.
int32_t memtalk_cancel_new(struct memtalk_cancel *cancel);

// Ends the waits for a peer that were opened with `cancel`, and those that will be, with
// MEMTALK_E_CANCELLED. A wait notices this within 0.05 s; one that searches a machine's
// memory, after that. A peer that has joined is not left behind: then the wait succeeds.
// An open talk does not notice it.
//
// Any thread may call this, also while others wait, and several at once. It never waits.
//
// Returns 0, or MEMTALK_E_BAD_HANDLE.
int32_t memtalk_cancel_waits(struct memtalk_cancel cancel);

// Frees the handle. Waits that use it go on, and nothing cancels them any more.
//
// Returns 0, or MEMTALK_E_BAD_HANDLE.
int32_t memtalk_cancel_free(struct memtalk_cancel cancel);

// Sets all options to their defaults. `size` is `sizeof(memtalk_options)`.
//
// Returns 0, or MEMTALK_E_BAD_ARGUMENT.
int32_t memtalk_options_init(struct memtalk_options *options, size_t size);

// The version of this library, like "0.1.0".
//
// Returns a constant string, never NULL.
const char *memtalk_version(void);

// Opens the talk `name`: creates or joins the shared memory object, and waits for the
// peer. `options` may be NULL. Puts the talk to `talk`, or zero if this fails.
//
// `name` is a slash, and 1 to 254 bytes without another slash. They need not be UTF-8.
//
// Returns 0, or one of these errors:
// - MEMTALK_E_TIMEOUT or MEMTALK_E_CANCELLED if no peer came. Nothing is left behind.
// - MEMTALK_E_NAME, MEMTALK_E_PAGES, MEMTALK_E_MODE, MEMTALK_E_OFFSET.
// - MEMTALK_E_BUSY, MEMTALK_E_STUCK if others are there.
// - MEMTALK_E_FOREIGN, MEMTALK_E_NOT_AN_OBJECT, MEMTALK_E_NOT_OURS,
//   MEMTALK_E_MODES_DIFFER, MEMTALK_E_PAGES_DIFFER, MEMTALK_E_SEVERAL_PAGES,
//   MEMTALK_E_LEFT_BEHIND if what is there cannot be used. It is left untouched.
// - MEMTALK_E_SYSTEM, MEMTALK_E_BAD_ARGUMENT; MEMTALK_E_BAD_HANDLE for `cancel`.
int32_t memtalk_open(const char *name,
                     const struct memtalk_options *options,
                     struct memtalk_talk *talk);

// As memtalk_open, but without waiting for the peer: takes a seat. Then call
// memtalk_wait_for_peer. (At a machine's memory this waits for the machine.)
//
// Returns 0, or the errors of memtalk_open.
int32_t memtalk_sit_down(const char *name,
                         const struct memtalk_options *options,
                         struct memtalk_talk *talk);

// Waits for the peer of a talk from memtalk_sit_down or memtalk_create, as long as its
// options allow. After an error the talk can only be freed.
//
// Returns 0, or the errors of memtalk_open; MEMTALK_E_NOT_OPEN if this was called before;
// MEMTALK_E_ENDED if memtalk_leave has removed the name.
int32_t memtalk_wait_for_peer(struct memtalk_talk talk);

// Opens two talks that are each other's peer, without a name: for two threads, for
// example. Of `options`, which may be NULL, only `pages` matters.
//
// Returns 0, or MEMTALK_E_PAGES, MEMTALK_E_SYSTEM, MEMTALK_E_BAD_ARGUMENT.
int32_t memtalk_pair(const struct memtalk_options *options,
                     struct memtalk_talk *one,
                     struct memtalk_talk *other);

// Creates memory without a name, and takes the first seat there. Puts a descriptor of the
// memory to `memory`: for a child that inherits it, or to be sent over a socket. It is
// closed on exec, and you close it. Then call memtalk_wait_for_peer; the peer calls
// memtalk_join.
//
// Returns 0, or MEMTALK_E_PAGES, MEMTALK_E_SYSTEM, MEMTALK_E_BAD_ARGUMENT.
int32_t memtalk_create(const struct memtalk_options *options,
                       struct memtalk_talk *talk,
                       int *memory);

// Joins a talk in memory without a name. `memory` is a descriptor of it, which you may
// close afterwards.
//
// Returns 0, or one of these errors:
// - MEMTALK_E_PEER_STOPPED if the first party has gone, MEMTALK_E_BUSY if another has
//   joined.
// - MEMTALK_E_NOT_AN_OBJECT, MEMTALK_E_UNSEALED, MEMTALK_E_FOREIGN if this is no such
//   memory.
// - MEMTALK_E_PAGES_DIFFER, MEMTALK_E_STUCK, MEMTALK_E_SYSTEM, MEMTALK_E_BAD_ARGUMENT.
int32_t memtalk_join(int memory,
                     const struct memtalk_options *options,
                     struct memtalk_talk *talk);

// Reads what has come, at most `len` bytes, and waits only if nothing has.
//
// Returns the number of bytes: 0 at the end of the peer's stream, or if `len` is 0. Or one
// of these errors:
// - MEMTALK_E_STALLED if nothing came within the time of memtalk_set_read_timeout.
// - MEMTALK_E_PEER_DIED, MEMTALK_E_PEER_STOPPED, MEMTALK_E_PEER_RESTARTED, after all that
//   had come was read.
// - MEMTALK_E_ENDED after memtalk_confirm, or if the talk was given up.
// - MEMTALK_E_CORRUPT, MEMTALK_E_SYSTEM.
// - MEMTALK_E_BAD_ARGUMENT, MEMTALK_E_BAD_HANDLE, MEMTALK_E_NOT_OPEN; MEMTALK_E_IN_USE if
//   another thread reads.
ptrdiff_t memtalk_read(struct memtalk_talk talk,
                       void *bytes,
                       size_t len);

// As memtalk_read, but never waits.
//
// Returns what memtalk_read returns, but MEMTALK_E_AGAIN if nothing is there yet.
ptrdiff_t memtalk_try_read(struct memtalk_talk talk, void *bytes, size_t len);

// Sets how long memtalk_read waits, in microseconds; negative, as at first: without a
// limit. 0 is an error: memtalk_try_read never waits.
//
// Returns 0, or MEMTALK_E_BAD_ARGUMENT, MEMTALK_E_BAD_HANDLE, MEMTALK_E_NOT_OPEN,
// MEMTALK_E_ENDED, MEMTALK_E_IN_USE.
int32_t memtalk_set_read_timeout(struct memtalk_talk talk, int64_t time_us);

// A descriptor to wait on for something to read, with poll(2), epoll(7) or the like: it is
// readable (POLLIN) then. The same one each time, until the talk is freed.
//
// - Until memtalk_try_read returns MEMTALK_E_AGAIN, it stays readable. After that, it is
//   readable once there is something: bytes, the end, or an error. No wake-up is lost, and
//   edge-triggered epoll works as well.
// - It may become readable for nothing. Then memtalk_try_read returns MEMTALK_E_AGAIN.
// - Only poll it. To read, write or close it loses wake-ups. Before the talk is freed, take
//   it out of an epoll set.
//
// From the first call of this on, a read that has to wait goes to sleep at once: a large
// ring (`pages`) matters then. One thread of this library waits for 127 such ends.
//
// Returns the descriptor, or MEMTALK_E_SYSTEM, MEMTALK_E_BAD_HANDLE, MEMTALK_E_NOT_OPEN,
// MEMTALK_E_ENDED, MEMTALK_E_IN_USE.
int memtalk_read_fd(struct memtalk_talk talk);

// Confirms that the peer's whole stream was received, and is safe with us: the peer's close
// waits for this. Call it when memtalk_read has returned 0. This end is closed then. It does
// not wait.
//
// Returns 0, or one of these errors:
// - MEMTALK_E_NOT_AT_END if there is more to read. Nothing was confirmed, but the peer is
//   told that its stream was not delivered, and this end is closed.
// - MEMTALK_E_PEER_RESTARTED, MEMTALK_E_ENDED.
// - MEMTALK_E_BAD_HANDLE, MEMTALK_E_NOT_OPEN, MEMTALK_E_IN_USE.
int32_t memtalk_confirm(struct memtalk_talk talk);

// Writes as many of the `len` bytes as fit into the ring, and waits only if none does. The
// peer can read them at once.
//
// Returns the number of bytes, 0 only if `len` is 0. Or one of these errors:
// - MEMTALK_E_STALLED if there was no room within the time of memtalk_set_write_timeout.
// - MEMTALK_E_PEER_DIED, MEMTALK_E_PEER_STOPPED, MEMTALK_E_PEER_RESTARTED.
// - MEMTALK_E_ENDED after memtalk_end, or if the talk was given up.
// - MEMTALK_E_CORRUPT, MEMTALK_E_SYSTEM.
// - MEMTALK_E_BAD_ARGUMENT, MEMTALK_E_BAD_HANDLE, MEMTALK_E_NOT_OPEN; MEMTALK_E_IN_USE if
//   another thread writes.
ptrdiff_t memtalk_write(struct memtalk_talk talk,
                        const void *bytes,
                        size_t len);

// As memtalk_write, but never waits.
//
// Returns what memtalk_write returns, but MEMTALK_E_AGAIN if the ring is full.
ptrdiff_t memtalk_try_write(struct memtalk_talk talk, const void *bytes, size_t len);

// Writes all of the `len` bytes, and waits as often as it takes. The timeout bounds each
// wait.
//
// Returns 0, or the errors of memtalk_write. Then some of the bytes may have been written.
int32_t memtalk_write_all(struct memtalk_talk talk,
                          const void *bytes,
                          size_t len);

// Sets how long memtalk_write waits, in microseconds; negative, as at first: without a
// limit. 0 is an error: memtalk_try_write never waits.
//
// Returns 0, or MEMTALK_E_BAD_ARGUMENT, MEMTALK_E_BAD_HANDLE, MEMTALK_E_NOT_OPEN,
// MEMTALK_E_IN_USE.
int32_t memtalk_set_write_timeout(struct memtalk_talk talk, int64_t time_us);

// A descriptor to wait on for room in the ring, with poll(2), epoll(7) or the like. It is
// readable then: wait for POLLIN, not for POLLOUT. Everything that memtalk_read_fd says
// holds here as well, with memtalk_try_write in place of memtalk_try_read.
//
// After MEMTALK_E_AGAIN it is readable once all bytes would fit that were to be written, or
// half of the ring is free. After memtalk_end and a memtalk_is_delivered that returned 0, it
// is readable once the peer has confirmed our stream.
//
// Returns the descriptor, or MEMTALK_E_SYSTEM, MEMTALK_E_BAD_HANDLE, MEMTALK_E_NOT_OPEN,
// MEMTALK_E_IN_USE.
int memtalk_write_fd(struct memtalk_talk talk);

// The most bytes that are on their way in each direction, written and not yet read: 1,856
// with one page of 4,096 bytes.
//
// Returns the number, or MEMTALK_E_BAD_HANDLE, MEMTALK_E_NOT_OPEN.
ptrdiff_t memtalk_capacity(struct memtalk_talk talk);

// Marks the end of our stream: the peer reads to here, and then 0. Reading goes on. It does
// not wait, and may be called again.
//
// Returns 0, or MEMTALK_E_BAD_HANDLE, MEMTALK_E_NOT_OPEN, MEMTALK_E_IN_USE.
int32_t memtalk_end(struct memtalk_talk talk);

// Whether the peer has confirmed our whole stream. It never waits.
//
// Returns 1 if so, 0 if not yet or before memtalk_end; or the errors of
// memtalk_wait_delivered but MEMTALK_E_STALLED.
int32_t memtalk_is_delivered(struct memtalk_talk talk);

// Marks the end of our stream, and waits until the peer has confirmed all of it, at most
// this number of microseconds; negative: without a limit. The write timeout does not
// count. 0 is a certificate: every byte was received, and is safe with the peer.
//
// If both sides wait here before they have read and confirmed the other's stream, they wait
// for ever: use memtalk_close, or end, read to the end, confirm, and only then call this.
//
// Returns 0, or one of these errors:
// - MEMTALK_E_STALLED if the time is over. The confirmation may still come: call this
//   again.
// - MEMTALK_E_PEER_DIED, MEMTALK_E_PEER_STOPPED, MEMTALK_E_PEER_RESTARTED,
//   MEMTALK_E_CORRUPT, MEMTALK_E_ENDED, MEMTALK_E_SYSTEM: there is no certificate.
// - MEMTALK_E_BAD_HANDLE, MEMTALK_E_NOT_OPEN, MEMTALK_E_IN_USE.
int32_t memtalk_wait_delivered(struct memtalk_talk talk,
                               int64_t time_us);

// Ends the talk in good order, after its last byte was read, and frees the handle: ends our
// stream, waits for the end of the peer's, confirms it, and waits until the peer has
// confirmed ours; all within this number of microseconds; negative: without a limit.
// Timeouts of the ends do not count. What was done of this already is left out.
//
// 0 is a certificate for both streams. This cannot deadlock with a peer that does the same.
//
// Returns 0, or one of these errors. After all of them but the last line's the talk is
// over, the handle is free, and the peer is told that a stream is incomplete.
// - MEMTALK_E_NOT_AT_END if the peer has sent something that was not read.
// - MEMTALK_E_STALLED if the time is over.
// - MEMTALK_E_PEER_DIED, MEMTALK_E_PEER_STOPPED, MEMTALK_E_PEER_RESTARTED,
//   MEMTALK_E_CORRUPT, MEMTALK_E_ENDED, MEMTALK_E_SYSTEM.
// - MEMTALK_E_NOT_OPEN if it had no peer.
// - MEMTALK_E_BAD_HANDLE, MEMTALK_E_IN_USE, MEMTALK_E_FORKED, MEMTALK_E_PANICKED: nothing
//   was done.
int32_t memtalk_close(struct memtalk_talk talk,
                      int64_t time_us);

// Frees the handle, whatever state the talk is in. What is not closed is given up, and the
// peer is told that it is incomplete.
//
// Returns 0, or MEMTALK_E_BAD_HANDLE, MEMTALK_E_FORKED; MEMTALK_E_IN_USE if another thread
// is in a call.
int32_t memtalk_free(struct memtalk_talk talk);

// Gives up both ends, unless they are closed, while other threads may be in calls with
// them. The peer is told at once that both streams are incomplete. Our calls that wait end
// with MEMTALK_E_ENDED as soon as the peer has left because of that; against a peer that
// does not react, only timeouts help. The handle stays open: free it once no thread is in a
// call. A wait for a peer goes on: that is what memtalk_cancel is for.
//
// Returns 0, or MEMTALK_E_BAD_HANDLE.
int32_t memtalk_give_up(struct memtalk_talk talk);

// For a process that is about to end: gives up as memtalk_give_up, and removes the name if
// it is ours to remove. Without this, the peer takes the end of the process for a death.
// Waits for others that sit down or get up, no longer than this number of microseconds;
// negative: 10 s. Not safe in a signal handler.
//
// Returns 0, or MEMTALK_E_STUCK, MEMTALK_E_LEFT_BEHIND, MEMTALK_E_SYSTEM: the name stays
// until the next talk removes it; or MEMTALK_E_BAD_HANDLE.
int32_t memtalk_leave(struct memtalk_talk talk,
                      int64_t time_us);

// Who the peer is at this moment. For a process, puts its process id and the number of its
// user to `pid` and `user`, and otherwise 0. Both may be NULL. This searches /proc, which
// takes milliseconds.
//
// Returns a memtalk_party, or MEMTALK_E_BAD_ARGUMENT, MEMTALK_E_BAD_HANDLE,
// MEMTALK_E_NOT_OPEN, MEMTALK_E_SYSTEM.
int32_t memtalk_peer(struct memtalk_talk talk,
                     uint32_t *pid,
                     uint32_t *user);

// Whether the peer has gone, as far as is known at this moment. It never waits, and makes no
// system call.
//
// Returns 1 or 0, or MEMTALK_E_BAD_HANDLE, MEMTALK_E_NOT_OPEN.
int32_t memtalk_peer_is_gone(struct memtalk_talk talk);

// Waits, asleep, until the peer has closed its ends and left, or has died; or until our own
// ends are closed or given up. The handle may be freed meanwhile.
//
// Returns a memtalk_departure, or MEMTALK_E_BAD_HANDLE, MEMTALK_E_NOT_OPEN.
int32_t memtalk_peer_wait_until_gone(struct memtalk_talk talk);

#ifdef __cplusplus
}  // extern "C"
#endif  // __cplusplus

#endif  /* MEMTALK_H */
