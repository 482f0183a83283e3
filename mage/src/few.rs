//! A list that nearly always has one element or none: making, filling and dropping it costs next to nothing then.
//!
//! Every call that enters the driver collects what is left to do after it, and every read collects whom to wake: one
//! thing, as a rule. A vector that lies in place for several costs 60 to 100 instructions each time in its loops and its
//! destructor; this one costs a comparison, and an allocation where there are two.

/// Elements in the order in which they were added.
pub(crate) struct Few<T> {
    /// Filled before `rest`.
    first: Option<T>,
    rest: Option<Vec<T>>,
}

impl<T> Few<T> {
    #[inline]
    pub(crate) const fn new() -> Self {
        Self { first: None, rest: None }
    }

    #[inline]
    pub(crate) fn push(&mut self, element: T) {
        if self.first.is_none() {
            self.first = Some(element);
        } else {
            self.push_another(element);
        }
    }

    #[cold]
    fn push_another(&mut self, element: T) {
        self.rest.get_or_insert_default().push(element);
    }

    /// Takes all elements out and gives each to `act`.
    #[inline]
    pub(crate) fn take_each(&mut self, mut act: impl FnMut(T)) {
        if let Some(first) = self.first.take() {
            let rest = self.rest.take();
            act(first);
            if let Some(rest) = rest {
                rest.into_iter().for_each(act);
            }
        }
    }
}

impl<T> Default for Few<T> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T> Extend<T> for Few<T> {
    fn extend<I: IntoIterator<Item = T>>(&mut self, elements: I) {
        elements.into_iter().for_each(|element| self.push(element));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn elements_come_out_in_the_order_in_which_they_were_added() {
        for count in 0..9 {
            let mut few = Few::default();
            few.extend(0..count);
            let mut seen = Vec::new();
            few.take_each(|element| seen.push(element));
            assert!(seen.iter().copied().eq(0..count), "{seen:?}");
            few.push(7);
            few.take_each(|element| seen.push(element));
            assert_eq!(seen.last(), Some(&7));
        }
    }
}
