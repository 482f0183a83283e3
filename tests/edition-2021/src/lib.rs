//! What the compiler generates, in a crate of edition 2021 that allows no warning and no item without documentation.
//!
//! It depends on nothing but `mage`, as an application may.
#![deny(warnings, missing_docs)]

/// Every type of the language.
pub mod types {
    include!("../../../magen-nom/tests/golden/generate/types.rs");
}

/// Names that mean something to Rust, to the library or to the generated code.
pub mod names {
    include!("../../../magen-nom/tests/golden/generate/names.rs");
}

/// Interfaces and methods that are called like what generated code is made of.
pub mod words {
    include!("../../../magen-nom/tests/golden/generate/words.rs");
}

/// Files that import each other's types.
pub mod drawing {
    include!("../../../magen-nom/tests/golden/generate/drawing.rs");
}

#[cfg(test)]
mod tests {
    use super::names;
    use mage::memory::MemoryBackend;
    use mage::{PendingRemote, Receiver, Remote};

    struct Empty;

    impl names::SelfHandler for Empty {
        async fn self_(&self, _: PendingRemote<names::Self_>) {}
    }

    #[test]
    fn interfaces_are_called_and_served_in_edition_2021() {
        let backend = MemoryBackend::new();
        let (near, far) = backend.create_pipe();
        let remote = Remote::<names::Self_>::bind(near);
        let (inner, _far) = backend.create_pipe();
        remote.self_(PendingRemote::new(inner)).unwrap();
        Receiver::<names::Self_>::bind(far).serve_detached(Empty);
        assert_eq!(Remote::flush(&remote).wait(), Ok(()));
    }
}
