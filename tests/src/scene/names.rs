//! Names in a scene: numbers that count, and what the transcript calls them.
//!
//! A port is called what the scene called it when it made the pipe; each move adds a prime (`B`, `B'`, `B''`), so the
//! transcript tells a port from the proxies that it left. What a name is called may be known only later (a node is
//! named before it joins), so lines keep the number until the transcript is printed.

use std::cell::RefCell;
use std::collections::{BTreeMap, VecDeque};
use std::rc::Rc;

use mage_proto::{NameSource, Naming, NodeName, PortName};

/// What every name of a scene is called; shared by all its nodes.
#[derive(Debug, Clone, Default)]
pub(super) struct Names(Rc<RefCell<Table>>);

#[derive(Debug, Default)]
struct Table {
    drawn: u128,
    /// Ports.
    labels: BTreeMap<u128, String>,
    nodes: BTreeMap<u128, String>,
    /// What the next names to be drawn are called.
    announced: VecDeque<String>,
}

/// Draws names for one node.
#[derive(Debug, Clone)]
pub struct Source(Names);

/// Around a number that is replaced by what it is called when the transcript is printed.
const OPEN: char = '\u{2}';
const CLOSE: char = '\u{3}';
/// Between the text of a payload and the ports that travel with it.
pub(super) const CARGO: char = '\u{1f}';

impl Names {
    pub(super) fn source(&self) -> Source {
        Source(self.clone())
    }

    /// Calls the next names to be drawn so.
    pub(super) fn announce(&self, labels: &[&str]) {
        self.0.borrow_mut().announced = labels.iter().map(|&label| label.to_owned()).collect();
    }

    /// Calls a node so.
    pub(super) fn call(&self, node: NodeName, label: &str) {
        self.0.borrow_mut().nodes.insert(node.bits(), label.to_owned());
    }

    /// The number of the port called `label`.
    pub(super) fn find(&self, label: &str) -> Option<u128> {
        self.0.borrow().labels.iter().find(|(_, known)| *known == label).map(|(&bits, _)| bits)
    }

    /// Calls every port again what it was called first: the proxies that bore the name are gone.
    pub(super) fn forget_moves(&self) {
        let mut table = self.0.borrow_mut();
        let mut last: BTreeMap<String, (usize, u128)> = BTreeMap::new();
        for (&bits, label) in &table.labels {
            let primes = label.chars().rev().take_while(|&c| c == '\'').count();
            let known = last.entry(label.trim_end_matches('\'').to_owned()).or_insert((primes, bits));
            if primes > known.0 {
                *known = (primes, bits);
            }
        }
        table.labels = last.into_iter().map(|(label, (_, bits))| (bits, label)).collect();
    }

    /// Puts what names are called in place of their numbers.
    pub(super) fn resolve(&self, text: &str) -> String {
        let mut parts = text.split(OPEN);
        let mut out = parts.next().unwrap_or_default().to_owned();
        let mut unknown = Vec::new();
        for part in parts {
            let (number, rest) = part.split_once(CLOSE).expect("a number is closed");
            let bits: u128 = number.parse().expect("a number");
            let table = self.0.borrow();
            match table.labels.get(&bits).or_else(|| table.nodes.get(&bits)) {
                Some(label) => out.push_str(label),
                None => {
                    let place = unknown.iter().position(|&other| other == bits).unwrap_or_else(|| {
                        unknown.push(bits);
                        unknown.len() - 1
                    });
                    out.push_str(&format!("#{}", place + 1));
                }
            }
            out.push_str(rest);
        }
        out
    }
}

impl NameSource for Source {
    fn next_name(&mut self) -> u128 {
        let mut table = self.0.0.borrow_mut();
        table.drawn += 1;
        let bits = table.drawn;
        if let Some(label) = table.announced.pop_front() {
            table.labels.insert(bits, label);
        }
        bits
    }
}

fn number(bits: u128) -> String {
    format!("{OPEN}{bits}{CLOSE}")
}

impl Naming for Names {
    fn node(&mut self, node: NodeName) -> String {
        number(node.bits())
    }

    fn port(&mut self, port: PortName) -> String {
        number(port.bits())
    }

    fn moved(&mut self, old: PortName, new: PortName) {
        let mut table = self.0.borrow_mut();
        if let Some(label) = table.labels.get(&old.bits()).map(|label| format!("{label}'")) {
            table.labels.entry(new.bits()).or_insert(label);
        }
    }

    fn payload(&mut self, payload: &[u8]) -> String {
        match std::str::from_utf8(payload) {
            Ok(text) if text.len() <= 40 => {
                format!("{:?}", text.split_once(CARGO).map_or(text, |(text, _)| text))
            }
            Ok(_) | Err(_) => format!("{} bytes", payload.len()),
        }
    }
}
