//! The fields of a frame's body, read one after the other. What is wrong with one is said by its name.

use crate::kind::FrameKind;
use crate::name::{Address, NodeName, PortName};
use crate::violation::Violation;
use crate::wire::Reader;

/// What is left of the body of one frame.
#[derive(Debug)]
pub(crate) struct Fields<'a> {
    pub(crate) kind: FrameKind,
    input: Reader<'a>,
}

impl<'a> Fields<'a> {
    pub(crate) fn new(kind: FrameKind, body: &'a [u8]) -> Self {
        Self { kind, input: Reader::new(body) }
    }

    /// What no field has taken.
    pub(crate) fn rest(&self) -> &'a [u8] {
        self.input.rest()
    }

    fn there<T>(&self, value: Option<T>, field: &'static str) -> Result<T, Violation> {
        value.ok_or(Violation::Truncated { kind: self.kind, field })
    }

    pub(crate) fn bytes(&mut self, count: usize, field: &'static str) -> Result<&'a [u8], Violation> {
        let value = self.input.bytes(count);
        self.there(value, field)
    }

    pub(crate) fn u8(&mut self, field: &'static str) -> Result<u8, Violation> {
        let value = self.input.u8();
        self.there(value, field)
    }

    pub(crate) fn u16(&mut self, field: &'static str) -> Result<u16, Violation> {
        let value = self.input.u16();
        self.there(value, field)
    }

    pub(crate) fn u32(&mut self, field: &'static str) -> Result<u32, Violation> {
        let value = self.input.u32();
        self.there(value, field)
    }

    pub(crate) fn u64(&mut self, field: &'static str) -> Result<u64, Violation> {
        let value = self.input.u64();
        self.there(value, field)
    }

    pub(crate) fn i64(&mut self, field: &'static str) -> Result<i64, Violation> {
        let value = self.input.i64();
        self.there(value, field)
    }

    pub(crate) fn u128(&mut self, field: &'static str) -> Result<u128, Violation> {
        let value = self.input.u128();
        self.there(value, field)
    }

    /// One byte that says yes or no.
    pub(crate) fn truth(&mut self, field: &'static str) -> Result<bool, Violation> {
        match self.u8(field)? {
            0 => Ok(false),
            1 => Ok(true),
            other => Err(self.wrong(field, u64::from(other), "it is neither 0 nor 1")),
        }
    }

    pub(crate) fn node(&mut self, field: &'static str) -> Result<NodeName, Violation> {
        let bits = self.u128(field)?;
        NodeName::new(bits).ok_or_else(|| self.wrong(field, 0, "zero names no node"))
    }

    pub(crate) fn port(&mut self, field: &'static str) -> Result<PortName, Violation> {
        let bits = self.u128(field)?;
        PortName::new(bits).ok_or_else(|| self.wrong(field, 0, "zero names no port"))
    }

    pub(crate) fn address(&mut self, field: &'static str) -> Result<Address, Violation> {
        Ok(Address { node: self.node(field)?, port: self.port(field)? })
    }

    /// What comes next is reserved.
    pub(crate) fn zeros(&mut self, count: usize) -> Result<(), Violation> {
        const FIELD: &str = "a reserved byte";
        match self.bytes(count, FIELD)?.iter().find(|&&byte| byte != 0) {
            Some(&set) => Err(self.wrong(FIELD, u64::from(set), "it must be zero")),
            None => Ok(()),
        }
    }

    /// The last field was read.
    pub(crate) fn end(&self) -> Result<(), Violation> {
        let (kind, count) = (self.kind, self.rest().len());
        if count == 0 { Ok(()) } else { Err(Violation::Surplus { kind, count }) }
    }

    /// A field has a value that it may not have.
    pub(crate) fn wrong(&self, field: &'static str, value: u64, why: &'static str) -> Violation {
        Violation::Value { kind: self.kind, field, value, why }
    }

    /// There is more of something than may be.
    pub(crate) fn too_many(&self, what: &'static str, count: u64, most: u64) -> Violation {
        Violation::TooMany { kind: self.kind, what, count, most }
    }

    /// Fields that are sound one by one and make no sense together.
    pub(crate) fn malformed(&self, field: &'static str) -> Violation {
        Violation::Malformed { kind: self.kind, field }
    }
}
