//! An end is bound before it is called.
include!("../../../magen-nom/tests/golden/generate/calculator.rs");

fn main() {
    let (near, _) = mage::PendingRemote::<Calculator>::pair(mage::memory::MemoryBackend::new().create_pipe());
    let _ = near.add(1, 2);
}
