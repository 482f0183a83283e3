//! Calculators to be served.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::{Arc, Mutex};

use mage::{PendingReceiver, StreamSink};

use crate::generated::calculator::*;

/// Serves at once, in order; writes down what it was asked.
#[derive(Debug, Default, Clone)]
pub(crate) struct Plain {
    pub(crate) log: Arc<Mutex<Vec<String>>>,
}

impl Plain {
    pub(crate) fn note(&self, text: impl Into<String>) {
        self.log.lock().unwrap().push(text.into());
    }

    pub(crate) fn notes(&self) -> Vec<String> {
        self.log.lock().unwrap().clone()
    }
}

pub(crate) fn divide(a: i32, b: i32) -> Result<i32, MathError> {
    if b == 0 { Err(MathError::DivisionByZero) } else { a.checked_div(b).ok_or(MathError::Overflow) }
}

impl CalculatorSync for Plain {
    fn log(&mut self, text: String) {
        assert!(text != "panic", "asked to");
        self.note(text);
    }

    fn add(&mut self, a: i32, b: i32) -> i32 {
        a + b
    }

    fn div(&mut self, a: i32, b: i32) -> Result<i32, MathError> {
        divide(a, b)
    }

    fn open(&mut self, calculator: PendingReceiver<Calculator>) {
        let mut inner = self.clone();
        std::thread::spawn(move || calculator.bind().serve_sync(&mut inner));
    }

    fn count(&mut self, first: i32, mut items: StreamSink<i32>) {
        std::thread::spawn(move || {
            for number in first..first + 1000 {
                if items.send_blocking(number).is_err() {
                    break;
                }
            }
        });
    }
}

impl CalculatorHandler for Plain {
    async fn log(&self, text: String) {
        assert!(text != "panic", "asked to");
        self.note(text);
    }

    async fn add(&self, a: i32, b: i32) -> i32 {
        a + b
    }

    async fn div(&self, a: i32, b: i32) -> Result<i32, MathError> {
        divide(a, b)
    }

    /// Spawns a receiver of its own kind.
    async fn open(&self, calculator: PendingReceiver<Calculator>) {
        calculator.bind().serve_detached(self.clone());
    }

    async fn count(&self, first: i32, mut items: StreamSink<i32>) {
        for number in first..first + 1000 {
            if items.send(number).await.is_err() {
                self.note(format!("stopped at {number}"));
                return;
            }
        }
    }
}

/// Stays on its thread: holds an `Rc` across its awaits.
#[derive(Debug, Default, Clone)]
pub(crate) struct Local {
    pub(crate) log: Rc<RefCell<Vec<String>>>,
}

impl LocalCalculatorHandler for Local {
    async fn log(&self, text: String) {
        let log = Rc::clone(&self.log);
        std::future::ready(()).await;
        log.borrow_mut().push(text);
    }

    async fn add(&self, a: i32, b: i32) -> i32 {
        a + b
    }

    async fn div(&self, a: i32, b: i32) -> Result<i32, MathError> {
        divide(a, b)
    }

    async fn open(&self, _calculator: PendingReceiver<Calculator>) {}

    async fn count(&self, _first: i32, _items: StreamSink<i32>) {}
}
