//! A sequence takes implementations that are `Send`; a local runner takes any.
include!("../../../magen-nom/tests/golden/generate/calculator.rs");

struct Local(std::rc::Rc<()>);

impl CalculatorSync for Local {
    fn log(&mut self, _text: String) {}
    fn add(&mut self, a: i32, b: i32) -> i32 {
        a + b
    }
    fn div(&mut self, a: i32, b: i32) -> Result<i32, MathError> {
        Ok(a / b)
    }
    fn open(&mut self, _calculator: mage::PendingReceiver<Calculator>) {}
    fn count(&mut self, _first: i32, _items: mage::StreamSink<i32>) {}
}

fn serve(receiver: mage::Receiver<Calculator>, runner: mage::adapter::TaskRunner) {
    let _serving = receiver.post_to(&runner, Local(std::rc::Rc::new(())));
}

fn main() {
    let _ = serve;
}
