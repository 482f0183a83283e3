//! A bound end must be unbound before it is sent.
include!("../../../magen-nom/tests/golden/generate/calculator.rs");

fn main() {
    let backend = mage::memory::MemoryBackend::new();
    let (near, _) = backend.create_pipe();
    let (_, far) = backend.create_pipe();
    let calculator = mage::Remote::<Calculator>::bind(near);
    let receiver = mage::Receiver::<Calculator>::bind(far);
    let _ = calculator.open(receiver);
}
