//! What was sent is gone.
include!("../../../magen-nom/tests/golden/generate/calculator.rs");

fn main() {
    let backend = mage::memory::MemoryBackend::new();
    let (near, _) = backend.create_pipe();
    let (_, far) = mage::PendingRemote::<Calculator>::pair(backend.create_pipe());
    let calculator = mage::Remote::<Calculator>::bind(near);
    let _ = calculator.open(far);
    let _ = far.bind();
}
