//! The futures of a handler are `Send`; those of a local handler need not be.
include!("../../../magen-nom/tests/golden/generate/calculator.rs");

struct Handler;

impl CalculatorHandler for Handler {
    async fn log(&self, text: String) {
        let kept = std::rc::Rc::new(text);
        std::future::ready(()).await;
        drop(kept);
    }
    async fn add(&self, a: i32, b: i32) -> i32 {
        a + b
    }
    async fn div(&self, a: i32, b: i32) -> Result<i32, MathError> {
        Ok(a / b)
    }
    async fn open(&self, _calculator: mage::PendingReceiver<Calculator>) {}
    async fn count(&self, _first: i32, _items: mage::StreamSink<i32>) {}
}

fn main() {
    let _ = Handler;
}
