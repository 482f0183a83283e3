//! The handles of the world: tokens that are counted from the moment they are made until they are dropped.
//!
//! A token cannot be copied, so what remains to be shown is that none is kept for ever: at the end of a world the book
//! lists the tokens that nobody has dropped.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::rc::Rc;

/// A handle. Sockets are tokens too, as they are descriptors in a process.
#[derive(Debug)]
pub struct Token {
    id: u64,
    book: Book,
}

/// Knows every token that is alive, and which were dropped since it was last asked.
#[derive(Debug, Clone, Default)]
pub struct Book(Rc<RefCell<Entries>>);

#[derive(Debug, Default)]
struct Entries {
    made: u64,
    alive: BTreeSet<u64>,
    dropped: Vec<u64>,
    /// The core is at work: it may move handles, and must not drop them.
    inside: bool,
}

impl Token {
    /// Tells tokens apart.
    #[must_use]
    pub fn id(&self) -> u64 {
        self.id
    }
}

impl Drop for Token {
    fn drop(&mut self) {
        let mut entries = self.book.0.borrow_mut();
        entries.alive.remove(&self.id);
        entries.dropped.push(self.id);
        let inside = entries.inside;
        drop(entries);
        assert!(!inside || std::thread::panicking(), "handle {} is dropped inside the core", self.id);
    }
}

impl Book {
    /// Makes a token.
    #[must_use]
    pub fn make(&self) -> Token {
        let mut entries = self.0.borrow_mut();
        entries.made += 1;
        let id = entries.made;
        entries.alive.insert(id);
        Token { id, book: self.clone() }
    }

    /// From now on (or no more) no token may be dropped.
    pub fn guard(&self, inside: bool) {
        self.0.borrow_mut().inside = inside;
    }

    /// The tokens that are alive.
    #[must_use]
    pub fn alive(&self) -> Vec<u64> {
        self.0.borrow().alive.iter().copied().collect()
    }

    /// The tokens that were dropped since this was last called.
    #[must_use]
    pub fn take_dropped(&self) -> Vec<u64> {
        std::mem::take(&mut self.0.borrow_mut().dropped)
    }
}
