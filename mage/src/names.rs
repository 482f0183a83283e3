//! Names for nodes and ports: the operating system's random source, asked for many at a time and never under the lock.
//!
//! ```text
//!   driver ──stock up, outside the lock──▶ [ reserve ] ──taken when the stock is empty──▶ [ stock ] ──▶ next_name
//! ```
//!
//! A system call for each name would cost more than the message that carries it. What must hold: no number is used twice,
//! and none can be guessed from others: they come from the system as they are, in order, and are not stretched.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use mage_proto::NameSource;

use crate::sync::Lock;

/// Names in one purchase.
const STOCK: usize = 256;
const NAME: usize = size_of::<u128>();

type Stock = Box<[u8; STOCK * NAME]>;

/// What the core draws from.
#[derive(Debug)]
pub(crate) struct OsNames {
    stock: Stock,
    used: usize,
    reserve: Arc<Reserve>,
}

/// The next stock, bought by whoever has time.
#[derive(Debug, Default)]
pub(crate) struct Reserve {
    stock: Lock<Option<Stock>>,
    wanted: AtomicBool,
}

impl OsNames {
    /// Buys the first stock.
    ///
    /// # Errors
    ///
    /// The operating system gives no random numbers.
    pub(crate) fn new() -> Result<(Self, Arc<Reserve>), getrandom::Error> {
        let reserve = Arc::new(Reserve::default());
        reserve.wanted.store(true, Ordering::Relaxed);
        let names = Self { stock: buy()?, used: 0, reserve: Arc::clone(&reserve) };
        Ok((names, reserve))
    }

    fn renew(&mut self) {
        let reserve = self.reserve.stock.lock().take();
        self.reserve.wanted.store(true, Ordering::Relaxed);
        self.used = 0;
        match reserve.map_or_else(buy, Ok) {
            Ok(stock) => self.stock = stock,
            // The source worked when the node was made, so something forbids it now. A name that others can guess would
            // open this node's pipes to them; going on is the one thing that must not happen.
            Err(error) => panic!("no random numbers for names: {error}"),
        }
    }
}

impl NameSource for OsNames {
    fn next_name(&mut self) -> u128 {
        if self.used == STOCK {
            self.renew();
        }
        let (names, _) = self.stock.as_chunks::<NAME>();
        let name = names.get(self.used).copied().unwrap_or_default();
        self.used += 1;
        u128::from_ne_bytes(name)
    }
}

impl Reserve {
    /// Buys the next stock if it is wanted. Called outside every lock, after what may have drawn names.
    #[inline]
    pub(crate) fn stock_up(&self) {
        if self.wanted.load(Ordering::Relaxed) {
            self.restock();
        }
    }

    #[cold]
    fn restock(&self) {
        if self.wanted.swap(false, Ordering::Relaxed)
            && let Ok(stock) = buy()
        {
            let former = self.stock.lock().replace(stock);
            drop(former);
        }
    }
}

fn buy() -> Result<Stock, getrandom::Error> {
    let mut stock = Box::new([0; STOCK * NAME]);
    getrandom::fill(stock.as_mut_slice())?;
    Ok(stock)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn names_never_repeat_with_and_without_a_reserve() {
        let (mut names, reserve) = OsNames::new().unwrap();
        let mut seen = BTreeSet::new();
        for round in 0..STOCK * 5 {
            if round > STOCK * 2 {
                reserve.stock_up();
            }
            assert!(seen.insert(names.next_name()), "a name came twice");
        }
        assert!(!seen.contains(&0));
    }

    #[test]
    fn a_reserve_is_bought_once_until_it_is_used() {
        let (mut names, reserve) = OsNames::new().unwrap();
        reserve.stock_up();
        let place = |reserve: &Reserve| reserve.stock.lock().as_ref().map(|stock| stock.as_ptr());
        let first = place(&reserve);
        reserve.stock_up();
        assert!(first.is_some());
        assert_eq!(place(&reserve), first);
        for _ in 0..=STOCK {
            names.next_name();
        }
        assert_eq!(place(&reserve), None);
        reserve.stock_up();
        assert!(place(&reserve).is_some());
    }
}
