/*
 * memtalk's ring for C: a byte stream each way between two parties that share
 * memory. Both ends of both rings, without a heap and without an operating system.
 *
 * This file is generated from the sources of memtalk-ring-c. Change them, then run
 * BLESS=1 cargo test -p memtalk-ring-c --test header
 *
 * A page holds two rings. One party initialises it, the other one, its peer, attaches
 * to it. Each takes its seat, and opens the two ends of that seat:
 *
 *     static memtalk_page page;
 *     static memtalk_sender sender;
 *     static memtalk_receiver receiver;
 *
 *     while (memtalk_page_attach(&page, memory, size) != 0)
 *         ; // until the peer has initialised it
 *     if (memtalk_page_seat(&page, MEMTALK_SECOND) == 0) // else the seat is taken
 *         memtalk_page_join(&page, MEMTALK_OUTSIDE | MEMTALK_SILENT);
 *     memtalk_page_open(&page, MEMTALK_SECOND, &sender, &receiver);
 *
 * Results. Functions return a number that is 0 or more, or an error: a negative
 * number of memtalk_error. After an error from an end, other than
 * MEMTALK_ERROR_BAD_ARGUMENT and MEMTALK_ERROR_NOT_AT_END, that end moves no more
 * bytes.
 *
 * Waiting. No function waits: each returns at once, and wakes nobody. Look again
 * when it suits you: in the main loop, on a timer, when the peer interrupts.
 *
 * Trust. The peer may write anything into the page at any time. An end then returns
 * bytes or an error, and accesses no memory but its page's and yours. (The peer can of
 * course send garbage, or stay silent for ever.)
 *
 * Your part of the contract, which no function can check:
 * - `memory` is readable and writable as long as the page and its ends are in use. It
 *   is coherent with what the peer sees. You access it only through the page and
 *   its ends.
 * - A pointer to a memtalk_page, memtalk_sender or memtalk_receiver is NULL or points
 *   to one of those. Set each to zero before it is opened (static, or `= {0}`). Then to
 *   use it too early is an error instead of undefined behaviour. Do not copy an open
 *   one.
 * - `bytes` points to `len` bytes, none of them in the page.
 * - Once you call memtalk_page_initialise, memtalk_page_sit_down or memtalk_page_join,
 *   you use no end that you opened in that memory before.
 * - One call at a time for each page and each end. The two ends of a seat may be
 *   used by different threads or cores, or by an interrupt handler and the program
 *   that it interrupts.
 */


#ifndef MEMTALK_RING_H
#define MEMTALK_RING_H

#include <stddef.h>
#include <stdint.h>

// The alignment of a page in bytes.
#define MEMTALK_ALIGNMENT 64

// The size in bytes of the smallest page.
#define MEMTALK_MIN_SIZE 512

// The size in bytes of the largest page.
#define MEMTALK_MAX_SIZE 1073741824

// The first seat: of the party that initialises the page.
#define MEMTALK_FIRST 0

// The second seat: of the party that joins.
#define MEMTALK_SECOND 1

// Flag in a seat word: somebody sits here. Always set while the seat is taken.
#define MEMTALK_SEATED 1

// Flag in a seat word: the party here is outside the peer's operating system, or holds
// none of its locks. It is a device, a guest, or a program that does not use memtalk's
// own library.
#define MEMTALK_OUTSIDE 2

// Flag in a seat word: the party here is silent, it wakes nobody. So the peer looks
// again by itself. Every program that uses this interface is silent.
#define MEMTALK_SILENT 4

// A seat's word, without MEMTALK_SEATED: the party that sat here has left.
#define MEMTALK_LEFT 8

// Why a call failed. Functions return these as negative numbers; 0 and more mean
// success.
enum memtalk_error
#if defined(__cplusplus) || __STDC_VERSION__ >= 202311L
  : int32_t
#endif // defined(__cplusplus) || __STDC_VERSION__ >= 202311L
 {
  // A pointer is NULL or not aligned, a number is out of its range, or a flag is
  // missing or unknown. Nothing was done, except that a page that was to be opened
  // is not open now.
  MEMTALK_ERROR_BAD_ARGUMENT = -1,
  // The page or the end was never opened, or opening it failed. Nothing was done.
  MEMTALK_ERROR_NOT_OPEN = -2,
  // The ends of this seat were opened through this page before.
  MEMTALK_ERROR_ALREADY_OPEN = -3,
  // The memory cannot hold a page: its size is not a multiple of 64 from
  // MEMTALK_MIN_SIZE to MEMTALK_MAX_SIZE, or its address is not a multiple of 64.
  MEMTALK_ERROR_BAD_MEMORY = -10,
  // A process has begun to initialise the page and has not finished: it is still at
  // it, or it died. Try again for a while.
  MEMTALK_ERROR_UNFINISHED = -11,
  // The page is from a machine of the other byte order.
  MEMTALK_ERROR_BYTE_ORDER = -12,
  // The memory does not carry the magic number. If it is all zero, nobody has begun
  // to initialise it yet; otherwise it is somebody else's.
  MEMTALK_ERROR_NOT_A_PAGE = -13,
  // The page has another version of the layout.
  MEMTALK_ERROR_VERSION = -14,
  // The page claims another size than was passed, or a capacity that does not follow
  // from its size.
  MEMTALK_ERROR_SIZE = -15,
  // Both seats of the page are taken.
  MEMTALK_ERROR_TAKEN = -16,
  // The peer gave up or died, so the stream is incomplete. A receiver returns this
  // only after it has received all that was sent before.
  MEMTALK_ERROR_PEER_FAILED = -20,
  // Something overwrote the shared memory: the ring's indices are impossible. The
  // stream is incomplete, and what was received last may be garbage.
  MEMTALK_ERROR_CORRUPT = -21,
  // This end was already ended, closed or failed.
  MEMTALK_ERROR_ENDED = -22,
  // The stream cannot be confirmed yet: its end was not reached.
  MEMTALK_ERROR_NOT_AT_END = -23,
  // A cause that this version of the interface has no number for.
  MEMTALK_ERROR_OTHER = -30,
};
#ifndef __cplusplus
#if __STDC_VERSION__ >= 202311L
typedef enum memtalk_error memtalk_error;
#else
typedef int32_t memtalk_error;
#endif // __STDC_VERSION__ >= 202311L
#endif // __cplusplus

// A page that was initialised or attached to. You allocate it, and do not look into
// it.
typedef struct memtalk_page {
  uint64_t opaque[6];
} memtalk_page;

// The sending end of a ring. You allocate it, and do not look into it.
typedef struct memtalk_sender {
  uint64_t opaque[12];
} memtalk_sender;

// The receiving end of a ring. You allocate it, and do not look into it.
typedef struct memtalk_receiver {
  uint64_t opaque[12];
} memtalk_receiver;

#ifdef __cplusplus
extern "C" {
#endif // __cplusplus

// The text of an error in English: a few words, without a full stop.
//
// Returns a constant string for any number, never NULL.
const char *memtalk_error_text(int32_t error);

// Initialises a page of `size` bytes at `memory`, whatever they held before, and takes
// its first seat.
//
// Nobody else may be using the memory, with one exception: your peer from a page that
// you initialised there before. So call this whenever you start. Call it again for the
// next talk, when a talk is over and memtalk_page_seat says that nobody sits at the
// second seat any more.
//
// `memory` is a multiple of MEMTALK_ALIGNMENT, `size` a multiple of 64 from
// MEMTALK_MIN_SIZE to MEMTALK_MAX_SIZE. Each ring holds (`size` - 384) / 2 bytes,
// rounded down to a multiple of 64.
//
// `flags` is MEMTALK_SILENT, since nothing here wakes a sleeper, and also
// MEMTALK_OUTSIDE unless you hold the lock of the seat as memtalk's own library does.
// MEMTALK_SEATED may be part of it.
//
// The peer may join before this returns. Wait until memtalk_page_seat says that
// somebody has come to the second seat before you receive, or send more than the ring
// holds.
//
// Returns 0, or MEMTALK_ERROR_BAD_ARGUMENT, MEMTALK_ERROR_BAD_MEMORY. After an error,
// nothing was written to `memory`, and `page` is not open.
int32_t memtalk_page_initialise(struct memtalk_page *page,
                                void *memory,
                                size_t size,
                                uint32_t flags);

// Takes a seat in the `size` bytes at `memory`, which a process shares with you, a
// party outside its operating system: a guest of a virtual machine, for example.
//
// If the memory is fresh (its first 8 bytes are 0), or you had the first seat there
// before you were started again, this initialises a page and takes its first seat. If
// a process waits there, this takes the second seat.
//
// At most one party outside may use the page. `flags` is MEMTALK_SILENT and
// MEMTALK_OUTSIDE. MEMTALK_SEATED may be part of it.
//
// Returns your seat, MEMTALK_FIRST or MEMTALK_SECOND, or one of these errors:
// - MEMTALK_ERROR_TAKEN if two processes talk there.
// - MEMTALK_ERROR_UNFINISHED while a process initialises the page, or has yet to do so for
//   the next talk. Try again. If the second seat was yours before you were started again,
//   the process learns now that you are gone.
// - The other errors of memtalk_page_attach.
//
// After an error `page` is not open.
int32_t memtalk_page_sit_down(struct memtalk_page *page,
                              void *memory,
                              size_t size,
                              uint32_t flags);

// Attaches to the page of `size` bytes at `memory`, which the peer has initialised or
// is about to. Takes no seat.
//
// The page says its size, which is read once. If the peer changes it later, that has
// no effect.
//
// Returns 0, or MEMTALK_ERROR_BAD_ARGUMENT, MEMTALK_ERROR_BAD_MEMORY,
// MEMTALK_ERROR_UNFINISHED, MEMTALK_ERROR_BYTE_ORDER, MEMTALK_ERROR_NOT_A_PAGE,
// MEMTALK_ERROR_VERSION, MEMTALK_ERROR_SIZE. After an error `page` is not open.
// Nothing is written to `memory`, so you can try again until the page is there.
int32_t memtalk_page_attach(struct memtalk_page *page,
                            void *memory,
                            size_t size);

// Who sits at `seat` (MEMTALK_FIRST or MEMTALK_SECOND), or sat there. The peer may
// take its seat at any time.
//
// Returns one of these numbers, or MEMTALK_ERROR_BAD_ARGUMENT, MEMTALK_ERROR_NOT_OPEN:
// - 0 while nobody has sat there since the page was initialised.
// - MEMTALK_SEATED, with MEMTALK_OUTSIDE and MEMTALK_SILENT where they apply.
// - MEMTALK_LEFT when the party that sat there has left.
int32_t memtalk_page_seat(struct memtalk_page *page,
                          uint32_t seat);

// Takes the second seat of a page that you attached to. The peer sees then that you
// are there, and may send at once. Call this before you open the ends.
//
// `flags` is as for memtalk_page_initialise. This does not check that the seat is
// free: use memtalk_page_seat, or agree with the peer on the seats.
//
// Returns 0, or MEMTALK_ERROR_BAD_ARGUMENT, MEMTALK_ERROR_NOT_OPEN.
int32_t memtalk_page_join(struct memtalk_page *page, uint32_t flags);

// Opens the two ends of the party at `seat` (MEMTALK_FIRST or MEMTALK_SECOND):
// `sender` sends to the peer, `receiver` receives from it. Both streams are at their
// start.
//
// Call this only once for each seat, each time that the page is initialised. This
// cannot detect a second call through another `memtalk_page` on the same memory, or
// after a restart. If `sender` or `receiver` was already opened through another page,
// it is overwritten, and its peer is not told. If you open the ends of both seats,
// nobody else may write to the page.
//
// Returns 0, or MEMTALK_ERROR_BAD_ARGUMENT, MEMTALK_ERROR_NOT_OPEN,
// MEMTALK_ERROR_ALREADY_OPEN. After an error, no end was touched.
int32_t memtalk_page_open(struct memtalk_page *page,
                          uint32_t seat,
                          struct memtalk_sender *sender,
                          struct memtalk_receiver *receiver);

// The capacity of the ring: how many bytes it holds when it is full, at most
// 536,870,912.
//
// Returns the number, or MEMTALK_ERROR_BAD_ARGUMENT, MEMTALK_ERROR_NOT_OPEN.
int32_t memtalk_sender_capacity(struct memtalk_sender *sender);

// Sends as many of the `len` bytes at `bytes` as fit into the ring. The peer may
// receive the first of them before this returns.
//
// `bytes` may be NULL if `len` is 0. `len` is at most PTRDIFF_MAX.
//
// Returns how many bytes were sent, from 0 (the ring is full) to `len`, or one of
// these errors:
// - MEMTALK_ERROR_BAD_ARGUMENT, MEMTALK_ERROR_NOT_OPEN.
// - MEMTALK_ERROR_PEER_FAILED if the receiver gave up. A call that knows of enough
//   room does not look at the receiver, and may succeed even so.
// - MEMTALK_ERROR_CORRUPT.
// - MEMTALK_ERROR_ENDED after memtalk_sender_end or memtalk_sender_fail.
int32_t memtalk_sender_send(struct memtalk_sender *sender,
                            const void *bytes,
                            size_t len);

// Marks the end of the stream (a half-close): no byte follows. The peer still receives
// what was sent, and then sees the end. You can go on receiving.
//
// Returns 0, or MEMTALK_ERROR_BAD_ARGUMENT, MEMTALK_ERROR_NOT_OPEN, or
// MEMTALK_ERROR_ENDED if this end was ended or failed before.
int32_t memtalk_sender_end(struct memtalk_sender *sender);

// Gives up: the peer receives what was sent, and then MEMTALK_ERROR_PEER_FAILED
// instead of the end of the stream. Does nothing if this end was ended or failed
// before.
//
// Call this whenever you stop without memtalk_sender_end. Otherwise the peer waits for
// ever.
//
// Returns 0, or MEMTALK_ERROR_BAD_ARGUMENT, MEMTALK_ERROR_NOT_OPEN.
int32_t memtalk_sender_fail(struct memtalk_sender *sender);

// Whether the peer has confirmed the whole stream, up to and including its end: the
// certificate of delivery. The peer confirms it when it likes, after
// memtalk_sender_end.
//
// Returns 1 if so, 0 if not yet, or one of these errors:
// - MEMTALK_ERROR_BAD_ARGUMENT, MEMTALK_ERROR_NOT_OPEN.
// - MEMTALK_ERROR_PEER_FAILED if the receiver gave up before that.
// - MEMTALK_ERROR_CORRUPT.
// - MEMTALK_ERROR_ENDED after memtalk_sender_fail.
int32_t memtalk_sender_delivered(struct memtalk_sender *sender);

// Receives the bytes that are there, at most `len`, into the memory at `bytes`. The
// peer may send more while this runs, into what this has already freed.
//
// `bytes` may be NULL if `len` is 0. `len` is at most PTRDIFF_MAX.
//
// Returns how many bytes were received, from 0 to `len`, or one of these errors:
// - MEMTALK_ERROR_BAD_ARGUMENT, MEMTALK_ERROR_NOT_OPEN.
// - MEMTALK_ERROR_PEER_FAILED if the sender gave up, once all that it sent was
//   received.
// - MEMTALK_ERROR_CORRUPT.
// - MEMTALK_ERROR_ENDED after memtalk_receiver_close or memtalk_receiver_fail.
//
// If it returns 0, memtalk_receiver_at_end tells whether the stream has ended, or
// nothing is there yet.
int32_t memtalk_receiver_receive(struct memtalk_receiver *receiver,
                                 void *bytes,
                                 size_t len);

// Whether the stream has ended and all of it was received, as far as the last
// memtalk_receiver_receive has seen. So call this after one that returned 0.
//
// Returns 1 if so, otherwise 0; or MEMTALK_ERROR_BAD_ARGUMENT, MEMTALK_ERROR_NOT_OPEN.
int32_t memtalk_receiver_at_end(struct memtalk_receiver *receiver);

// Confirms the stream at its end: the peer knows then that all of it arrived. So call
// this when the bytes are where they should be, not when they are merely received.
//
// Returns 0, or one of these errors:
// - MEMTALK_ERROR_BAD_ARGUMENT, MEMTALK_ERROR_NOT_OPEN.
// - MEMTALK_ERROR_NOT_AT_END unless memtalk_receiver_at_end returns 1. Nothing is
//   confirmed then.
// - MEMTALK_ERROR_ENDED if this end was closed or failed before.
int32_t memtalk_receiver_close(struct memtalk_receiver *receiver);

// Gives up: the peer gets MEMTALK_ERROR_PEER_FAILED, and no confirmation. Does nothing
// if this end was closed or failed before.
//
// Call this whenever you stop without memtalk_receiver_close. Otherwise the peer waits
// for ever.
//
// Returns 0, or MEMTALK_ERROR_BAD_ARGUMENT, MEMTALK_ERROR_NOT_OPEN.
int32_t memtalk_receiver_fail(struct memtalk_receiver *receiver);

#ifdef __cplusplus
}  // extern "C"
#endif  // __cplusplus

#endif  /* MEMTALK_RING_H */
