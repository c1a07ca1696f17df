//! What surrounds each call from C: no panic leaves it, and a failure becomes a number.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};

use crate::error::Failure;

/// What a function returns in C: the number that `run` returns, or that of its failure.
///
/// A panic unwinds through the locks of whatever `run` has in use. That poisons them: a talk
/// that may be in disorder is not used again.
pub(crate) fn call<T: From<i16>>(run: impl FnOnce() -> Result<T, Failure>) -> T {
    let failure = match catch_unwind(AssertUnwindSafe(run)) {
        Ok(Ok(number)) => return number,
        Ok(Err(failure)) => failure,
        Err(panic) => {
            let failure = Failure::panicked(message(&*panic));
            // Dropping it could panic as well. What that leaves is never dropped.
            if let Err(again) = catch_unwind(AssertUnwindSafe(|| drop(panic))) {
                std::mem::forget(again);
            }
            failure
        }
    };
    failure.told().into()
}

fn message(panic: &(dyn Any + Send)) -> &str {
    match (panic.downcast_ref::<&str>(), panic.downcast_ref::<String>()) {
        (Some(text), _) => text,
        (_, Some(text)) => text,
        _ => "a panic without a text",
    }
}
