//! The program that the README shows: one executable, two processes, a call and its answer.

use mage::{Invitation, Node, Receiver, Worker};

mage::include_magen!("calculator");

struct Sums;

impl CalculatorSync for Sums {
    fn log(&mut self, text: String) {
        println!("worker: {text}");
    }

    fn add(&mut self, a: i32, b: i32) -> i32 {
        a + b
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let node = Node::new(mage_adapter_threads::Adapter::new()?)?;
    if mage::worker::entry().as_deref() == Some("calculator") {
        let pipe = Invitation::inherited()?.accept(&node).wait()?;
        Receiver::<Calculator>::bind(pipe).serve_sync(&mut Sums)?;
        return Ok(());
    }
    let mut worker = Worker::reexec("calculator").spawn(&node)?;
    let calculator = worker.remote::<Calculator>();
    calculator.log("sent before this process ran")?; // one way: on its way when it returns
    println!("20 + 22 is {}", calculator.add(20, 22).wait()?); // a call: a future, or .wait() on a plain thread
    Ok(())
}
