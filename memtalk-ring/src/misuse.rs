//! Doc tests of misuse that must not compile.
//!
//! Each line of the list makes two doc tests of the same code: without `unsafe`, which does
//! not compile for that reason alone, and with `unsafe`, which compiles.

macro_rules! needs_unsafe {
    ($($name:ident: $call:literal;)*) => {$(
        #[doc = concat!("```compile_fail,E0133\n", needs_unsafe!($call, ""), "```")]
        #[doc = concat!("```no_run\n", needs_unsafe!($call, "unsafe "), "```")]
        pub struct $name;
    )*};
    ($call:literal, $word:literal) => {
        concat!(
            "use memtalk_ring::*;\n",
            "type Region = RawRegion;\n",
            "fn misuse(region: Region, page: Page<Region>, ring: PageRing<Region>, ",
            "word: Watched<'_, Native>) {\n",
            "let _ = ", $word, "{ ", $call, " };\n",
            "}\n"
        )
    };
}

needs_unsafe! {
    Initialise: "Page::initialise(region, Presence::DEVICE)";
    SitDown: "Page::sit_down(region, true)";
    Join: "page.join(Presence::DEVICE)";
    JoinBy: "page.join_by(|_| ())";
    Ends: "page.ends(Seat::First, Spin)";
    Mourn: "page.mourn(Seat::First, &Spin)";
    MournRings: "Departure::mourn(&ring, &ring, &Spin)";
    Words: "ring.header()";
    NewBell: "Bell::new(|section| section())";
    WatchedWord: "word.word().store(0, std::sync::atomic::Ordering::Relaxed)";
}

/// Nobody can add a site with an ordering of their own: the trait is sealed.
///
/// ```compile_fail,E0277
/// use memtalk_ring::order::{Row, Site, TABLE};
///
/// struct Own;
///
/// impl Site for Own {
///     const ROW: Row = TABLE[0];
/// }
/// ```
pub struct OwnSite;
