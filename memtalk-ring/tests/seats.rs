//! What the words of the two seats say: each pair of words that the table in LAYOUT.md allows.

use std::sync::atomic::{AtomicU32, Ordering};

use memtalk_ring::{Beginning, Page, Presence, RawRegion, Seat};

mod common;

/// Each word of the first seat: who sits there, and whether that party waits for the second.
/// 0 is that of memory which went away.
const FIRST: [(u32, Option<Presence>, bool); 11] = [
    (0, None, false),
    (1, Some(presence(false, false)), false),
    (3, Some(presence(true, false)), false),
    (5, Some(presence(false, true)), false),
    (7, Some(presence(true, true)), false),
    (17, Some(presence(false, false)), true),
    (19, Some(presence(true, false)), true),
    (21, Some(presence(false, true)), true),
    (23, Some(presence(true, true)), true),
    (8, None, false),
    (10, None, false),
];

/// Each word of the second seat: who sits there, and whether it is free.
const SECOND: [(u32, Option<Presence>, bool); 8] = [
    (0, None, true),
    (2, None, true),
    (10, None, true),
    (8, None, false),
    (1, Some(presence(false, false)), false),
    (3, Some(presence(true, false)), false),
    (5, Some(presence(false, true)), false),
    (7, Some(presence(true, true)), false),
];

const fn presence(outside: bool, silent: bool) -> Presence {
    Presence { outside, silent }
}

fn word(page: &Page<RawRegion>, seat: Seat) -> &AtomicU32 {
    // SAFETY: a seat word lives as long as the page, and is accessed as an atomic only.
    unsafe { AtomicU32::from_ptr(page.seat_word(seat).as_ptr().cast_mut()) }
}

fn words(page: &Page<RawRegion>) -> [u32; 2] {
    [Seat::First, Seat::Second].map(|seat| word(page, seat).load(Ordering::Relaxed))
}

/// Calls `check` with a page for each pair of words, and with what they say.
fn each_pair(check: impl Fn(&Page<RawRegion>, (Option<Presence>, bool), (Option<Presence>, bool))) {
    let page = common::fresh_page();
    for (first, first_sits, waits) in FIRST {
        for (second, second_sits, free) in SECOND {
            word(&page, Seat::First).store(first, Ordering::Relaxed);
            word(&page, Seat::Second).store(second, Ordering::Relaxed);
            check(&page, (first_sits, waits), (second_sits, free));
        }
    }
}

#[test]
fn a_seat_says_who_sits_there_and_whether_anybody_has() {
    each_pair(|page, (first, _), (second, free)| {
        assert_eq!(page.presence(Seat::First), first);
        assert_eq!(page.presence(Seat::Second), second);
        assert_eq!(page.is_free(Seat::Second), free, "{:?}", words(page));
        // The page was initialised again since somebody took the second seat.
        assert_eq!(page.was_restarted(), free);
    });
}

#[test]
fn a_talk_begins_for_the_first_when_somebody_has_come_and_for_the_second_when_it_is_told() {
    each_pair(|page, (first, waits), (_, free)| {
        let by_first = match free {
            true => Beginning::Awaited,
            false => Beginning::Begun,
        };
        assert_eq!(page.beginning(Seat::First), by_first);
        let by_second = match (free, first, waits) {
            (true, ..) | (_, None, _) => Beginning::Lost,
            (_, Some(_), true) => Beginning::Awaited,
            (_, Some(_), false) => Beginning::Begun,
        };
        assert_eq!(page.beginning(Seat::Second), by_second, "{:?}", words(page));
    });
}

#[test]
fn to_begin_says_only_that_the_first_does_not_wait_any_more() {
    each_pair(|page, (first, _), (second, _)| {
        let [_, before] = words(page);
        page.begin();
        assert_eq!(words(page)[1], before);
        assert_eq!(page.presence(Seat::First), first);
        assert_eq!(page.presence(Seat::Second), second);
        assert_eq!(words(page)[0] & !15, 0);
    });
}

#[test]
fn a_seat_is_ours_while_its_word_says_what_we_are() {
    let all = [
        presence(false, false),
        presence(false, true),
        presence(true, false),
        presence(true, true),
    ];
    each_pair(|page, (first, _), (second, _)| {
        for ours in all {
            assert_eq!(page.is_ours(Seat::First, ours), first == Some(ours));
            assert_eq!(page.is_ours(Seat::Second, ours), second == Some(ours));
        }
    });
}

#[test]
fn whoever_stands_marks_its_seat_but_not_a_second_seat_that_is_free_again() {
    for (ours, left) in [(Presence::PROCESS, 8), (Presence::DEVICE, 10)] {
        each_pair(|page, _, (_, free)| {
            let [first, second] = words(page);
            page.stand(Seat::Second, ours);
            assert_eq!(words(page), [first, if free { second } else { left }]);
            word(page, Seat::Second).store(second, Ordering::Relaxed);
            page.stand(Seat::First, ours);
            assert_eq!(words(page), [left, second]);
        });
    }
}

#[test]
fn a_process_leaves_only_a_seat_that_is_still_its_own() {
    each_pair(|page, _, _| {
        let [first, second] = words(page);
        page.leave();
        assert_eq!(words(page), [first, if second == 1 { 8 } else { second }]);
    });
}

#[test]
fn what_a_party_says_is_what_its_peer_sees() {
    let page = common::fresh_page();
    for seat in [Seat::First, Seat::Second] {
        for ours in [
            presence(false, false),
            presence(true, false),
            Presence::DEVICE,
        ] {
            page.say(seat, ours);
            assert_eq!(page.presence(seat), Some(ours));
            assert!(page.is_ours(seat, ours));
        }
    }
}
