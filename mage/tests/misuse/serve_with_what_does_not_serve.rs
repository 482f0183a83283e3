//! An implementation implements the generated trait.
include!("../../../magen-nom/tests/golden/generate/calculator.rs");

struct Idle;

fn main() {
    let (_, far) = mage::memory::MemoryBackend::new().create_pipe();
    let _ = mage::Receiver::<Calculator>::bind(far).serve_sync(&mut Idle);
}
