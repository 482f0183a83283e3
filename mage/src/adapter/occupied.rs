//! Which threads must not wait, for adapters whose executor does not tell.

use std::cell::Cell;
use std::fmt;
use std::marker::PhantomData;

use super::WouldDeadlock;

thread_local! {
    static OCCUPIED: Cell<bool> = const { Cell::new(false) };
}

/// While it exists, its thread makes progress for others (it runs a loop, a callback, a future), so it must not wait.
///
/// It knows of no adapter: a thread that runs one adapter's code must not wait for another's either.
pub struct Occupied {
    former: bool,
    on_one_thread: PhantomData<*const ()>,
}

impl Occupied {
    /// Marks the calling thread, also if it is marked already.
    pub fn enter() -> Self {
        Self { former: OCCUPIED.replace(true), on_one_thread: PhantomData }
    }

    /// Marks the calling thread.
    ///
    /// # Errors
    ///
    /// [`WouldDeadlock`] if it is marked already.
    pub fn try_enter() -> Result<Self, WouldDeadlock> {
        if Self::is_entered() { Err(WouldDeadlock) } else { Ok(Self::enter()) }
    }

    /// Says whether the calling thread is marked.
    pub fn is_entered() -> bool {
        OCCUPIED.get()
    }
}

impl Drop for Occupied {
    fn drop(&mut self) {
        OCCUPIED.set(self.former);
    }
}

impl fmt::Debug for Occupied {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Occupied").finish_non_exhaustive()
    }
}
