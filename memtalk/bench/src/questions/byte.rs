//! One byte there and back, through pipes on all four ends.
//!
//! The bench writes it into one side and reads it from the other, and then the same back.

use std::io::{self, PipeReader, PipeWriter, Read, Write};
use std::time::Instant;

use crate::answer::{Answer, Target, Unit};
use crate::peers::{self, Ends, Talk, Traffic, Way};
use crate::{Bench, Result};

pub(crate) fn measure(bench: &Bench) -> Result<Answer> {
    let count = bench.settings.round_trips / 100;
    let ways = peers::present(bench, &[1], &[Way::Socat, Way::Netcat]);
    let samples = bench.rounds(&ways, |way| run(bench, *way, count))?;

    let title = format!("one byte there and back through pipes on all four ends, {count} times");
    Ok(Answer::new(title, Unit::US, peers::rows(&ways, &samples)))
}

pub(crate) fn judge(answer: &mut Answer) {
    answer.judge_best(0, 0, Target::AtMost(0.35));
    answer.judge_before(Target::AtMost(1.1));
}

/// Microseconds for one byte there and back.
fn run(bench: &Bench, way: Way, count: usize) -> Result<f64> {
    let mut conversation = Conversation::start(bench, way)?;
    for _ in 0..count / 10 {
        conversation.there_and_back()?;
    }
    let began = Instant::now();
    for _ in 0..count {
        conversation.there_and_back()?;
    }
    let time = began.elapsed();
    conversation.finish()?;
    Ok(time.as_secs_f64() * 1e6 / count as f64)
}

/// Two sides with the bench at all four ends.
pub(crate) struct Conversation {
    pub(crate) talk: Talk,
    to_first: PipeWriter,
    from_first: PipeReader,
    to_second: PipeWriter,
    from_second: PipeReader,
}

impl Conversation {
    /// Starts both sides, and moves a byte each way.
    pub(crate) fn start(bench: &Bench, way: Way) -> Result<Self> {
        let (first_in, to_first) = io::pipe()?;
        let (from_first, first_out) = io::pipe()?;
        let (second_in, to_second) = io::pipe()?;
        let (from_second, second_out) = io::pipe()?;
        let first = way.first(bench, Traffic::BothWays, Ends::new(first_in, first_out))?;
        peers::settle([&first]);
        let talk = first.second(Ends::new(second_in, second_out))?;
        let mut conversation = Self {
            talk,
            to_first,
            from_first,
            to_second,
            from_second,
        };
        conversation.there_and_back()?;
        Ok(conversation)
    }

    fn there_and_back(&mut self) -> Result {
        let mut byte = [0];
        self.to_first.write_all(b"x")?;
        self.from_second.read_exact(&mut byte)?;
        self.to_second.write_all(&byte)?;
        self.from_first.read_exact(&mut byte)?;
        Ok(())
    }

    /// Ends both streams, and waits for the processes.
    pub(crate) fn finish(self) -> Result {
        drop((self.to_first, self.to_second));
        self.talk.finish()
    }
}
