//! Mistakes that the search must find, one at a time.

/// A mistake that the search must find.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bug {
    /// The door keeps nobody out.
    NoDoor,
    /// A seat's lock keeps nobody out.
    NoSeatLock,
    /// The name is given to a new object, even if it is in use.
    PublishUnchecked,
    /// A process that leaves removes the name without a look at where it leads.
    RemoveUnchecked,
    /// A newcomer that has waited at the door does not check the name again.
    JoinUnchecked,
    /// A watcher's lock is taken for a seat's.
    WatcherSits,
    /// Joining leaves no mark in the page.
    JoinUnmarked,
    /// An object that is not memtalk's is taken for an empty one.
    ForeignIsBlank,
    /// Nobody looks whether a machine has the object open.
    OpenUnchecked,
    /// A machine's seat word does not say that it is outside.
    OutsideUnsaid,
    /// A process that leaves a guest does not tell it.
    LeftUnsaid,
    /// A guest claims the page while it initialises it.
    GuestClaims,
    /// A process whose first is a guest removes the name at the end.
    GuestsNameRemoved,
    /// An object that an earlier talk has left is used again, whoever has it open.
    UsedAgain,
    /// Nobody looks which users an object lets in.
    ModeUnchecked,
    /// A first that gives up waiting does not look whether somebody has joined.
    GiveUpUnchecked,
    /// A first that waits does not notice that its object has lost its name.
    NameLossUnnoticed,
    /// A process that speaks for a dead one leaves no mark.
    DeathUnsaid,
    /// A process gives up its seat before it removes the name.
    StandsFirst,
    /// A process whose call fails while it gets up makes no more calls.
    FailureEndsIt,
    /// A process whose call fails behind the door leaves it locked.
    FailureKeepsDoor,
    /// A look at a seat that fails shows a free seat.
    FailedLookIsFree,
    /// A watcher that gets no lock takes its peer for dead.
    FailedWatchIsDeath,
    /// A look at who has the object open that fails shows nobody.
    FailedLeaseIsAlone,
    /// A watcher keeps the lock that it has got.
    WatcherKeepsLock,
    /// An unlocking that fails is taken for done.
    UnlocksOnce,
    /// Nobody looks whether a guest has started again.
    RestartUnseen,
    /// A process that leaves marks whatever page the guest has made meanwhile.
    LeftOverwrites,
    /// The door does not keep two threads of one process from each other.
    DoorOpenToOwn,
    /// A tenant does as others do.
    TenantRetires,
    /// A client does as others do.
    ClientCreates,
    /// Nobody looks whether a service has time.
    TurnUnchecked,
    /// A client takes the turn of a service that has died for its own.
    DeadTurn,
    /// Who was given an object does as others do.
    GivenStartsOver,
    /// A guest whose process is killed leaves no guard to say so.
    GuestUnguarded,
    /// A guest begins the next page before the process has left the last one.
    GuestHurries,
    /// A process counts on a guest that may have died before it came.
    BeginningUnasked,
    /// A process joins a page in which a guest may still believe.
    KeptUnchecked,
    /// A process begins the next talk before the guest has left the last one.
    HostHurries,
    /// A process that gives up waiting does not say so in the page.
    EndUnsaid,
    /// An onlooker keeps the object open.
    OnlookerStays,
    /// An onlooker takes the lock of a seat that is free, to learn that it is.
    OnlookerLocks,
}

/// All of them.
pub const BUGS: &[Bug] = &[
    Bug::NoDoor,
    Bug::NoSeatLock,
    Bug::PublishUnchecked,
    Bug::RemoveUnchecked,
    Bug::JoinUnchecked,
    Bug::WatcherSits,
    Bug::JoinUnmarked,
    Bug::ForeignIsBlank,
    Bug::OpenUnchecked,
    Bug::OutsideUnsaid,
    Bug::LeftUnsaid,
    Bug::GuestClaims,
    Bug::GuestsNameRemoved,
    Bug::UsedAgain,
    Bug::ModeUnchecked,
    Bug::GiveUpUnchecked,
    Bug::NameLossUnnoticed,
    Bug::DeathUnsaid,
    Bug::StandsFirst,
    Bug::FailureEndsIt,
    Bug::FailureKeepsDoor,
    Bug::FailedLookIsFree,
    Bug::FailedWatchIsDeath,
    Bug::FailedLeaseIsAlone,
    Bug::WatcherKeepsLock,
    Bug::UnlocksOnce,
    Bug::RestartUnseen,
    Bug::LeftOverwrites,
    Bug::DoorOpenToOwn,
    Bug::TenantRetires,
    Bug::ClientCreates,
    Bug::TurnUnchecked,
    Bug::DeadTurn,
    Bug::GivenStartsOver,
    Bug::GuestUnguarded,
    Bug::GuestHurries,
    Bug::BeginningUnasked,
    Bug::KeptUnchecked,
    Bug::HostHurries,
    Bug::EndUnsaid,
    Bug::OnlookerStays,
    Bug::OnlookerLocks,
];
