//! What the compiler makes of its golden files, compiled as strictly as a user might.

/// A calculator: what the other tests call and serve.
#[deny(warnings, missing_docs)]
pub mod calculator {
    include!("../../../magen-nom/tests/golden/generate/calculator.rs");
}

/// Every type of the language.
#[deny(warnings, missing_docs)]
pub mod types {
    include!("../../../magen-nom/tests/golden/generate/types.rs");
}

/// Names that mean something to Rust, to the library or to the generated code.
#[deny(warnings, missing_docs)]
pub mod names {
    include!("../../../magen-nom/tests/golden/generate/names.rs");
}

/// Interfaces and methods that are called like what generated code is made of.
#[deny(warnings, missing_docs)]
pub mod words {
    include!("../../../magen-nom/tests/golden/generate/words.rs");
}

/// A file as C++ Mage accepts it.
#[deny(warnings, missing_docs)]
pub mod mage_files {
    include!("../../../magen-nom/tests/golden/generate/mage.rs");
}

/// Files that import each other's types.
#[deny(warnings, missing_docs)]
pub mod drawing {
    include!("../../../magen-nom/tests/golden/generate/drawing.rs");
}
