//! An end belongs to its interface.
include!("../../../magen-nom/tests/golden/generate/calculator.rs");

mod other {
    include!("../../../magen-nom/tests/golden/generate/mage.rs");
}

fn main() {
    let (near, _) = mage::memory::MemoryBackend::new().create_pipe();
    let remote = mage::Remote::<other::FirstInterface>::bind(near);
    let _: mage::Remote<Calculator> = remote;
}
