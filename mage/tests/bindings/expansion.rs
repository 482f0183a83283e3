//! What the compiler makes of `calculator.magen`, written by hand: the living specification of the generator.
//!
//! ```text
//! enum MathError { DivisionByZero, Overflow }
//! interface Calculator {
//!   Log(string text);
//!   Add(int a, int b) => (int sum);
//!   Div(int a, int b) => result<int, MathError>;
//!   Open(pending_receiver<Calculator> calculator);
//!   Count(int first) => stream<int>;
//! }
//! ```
#![allow(dead_code, unreachable_pub, missing_docs, reason = "as generated from a file without documentation")]

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum MathError {
    DivisionByZero,
    Overflow,
}

impl ::core::fmt::Display for MathError {
    fn fmt(&self, f: &mut ::core::fmt::Formatter<'_>) -> ::core::fmt::Result {
        ::core::fmt::Debug::fmt(self, f)
    }
}

impl ::core::error::Error for MathError {}

impl ::mage::parameter::Parameter for MathError {
    const MIN_SIZE: usize = 4;
    fn encode(self, to: &mut ::mage::parameter::Encoder) {
        ::mage::parameter::Data::encode_ref(&self, to);
    }
    fn decode(from: &mut ::mage::parameter::Decoder<'_>) -> ::core::result::Result<Self, ::mage::parameter::Fault> {
        match <i32 as ::mage::parameter::Parameter>::decode(from)? {
            0 => Ok(Self::DivisionByZero),
            1 => Ok(Self::Overflow),
            found => Err(::mage::parameter::BadValue::UnknownEnumerator { found }.into()),
        }
    }
}

impl ::mage::parameter::Data for MathError {
    fn encode_ref(&self, to: &mut ::mage::parameter::Encoder) {
        let value: i32 = match self {
            Self::DivisionByZero => 0,
            Self::Overflow => 1,
        };
        ::mage::parameter::Parameter::encode(value, to);
    }
}

#[derive(Debug)]
pub enum Calculator {}

#[derive(Debug, Clone)]
pub struct CalculatorCalls {
    caller: ::mage::interface::Caller,
}

impl CalculatorCalls {
    pub fn log(&self, text: &str) -> ::core::result::Result<(), ::mage::SendError> {
        self.caller.send(0x1000_0001, |to| {
            to.string(text);
        })
    }

    pub fn add(&self, a: i32, b: i32) -> ::mage::Reply<i32> {
        self.caller.call(&Calculator::ADD, |to| {
            ::mage::parameter::Parameter::encode(a, to);
            ::mage::parameter::Parameter::encode(b, to);
        })
    }

    pub fn div(&self, a: i32, b: i32) -> ::mage::Reply<i32, MathError> {
        self.caller.call(&Calculator::DIV, |to| {
            ::mage::parameter::Parameter::encode(a, to);
            ::mage::parameter::Parameter::encode(b, to);
        })
    }

    pub fn open(
        &self,
        calculator: ::mage::PendingReceiver<Calculator>,
    ) -> ::core::result::Result<(), ::mage::SendError> {
        self.caller.send(0x1000_0004, |to| {
            ::mage::parameter::Parameter::encode(calculator, to);
        })
    }

    pub fn count(&self, first: i32) -> ::mage::Streaming<i32> {
        self.caller.stream(&Calculator::COUNT, |to| {
            ::mage::parameter::Parameter::encode(first, to);
        })
    }
}

#[derive(Debug)]
pub enum CalculatorRequest {
    Log { text: ::std::string::String },
    Add { a: i32, b: i32, reply: ::mage::Responder<i32> },
    Div { a: i32, b: i32, reply: ::mage::Responder<i32, MathError> },
    Open { calculator: ::mage::PendingReceiver<Calculator> },
    Count { first: i32, items: ::mage::StreamSink<i32> },
}

pub trait CalculatorHandler: Send + Sync + 'static {
    fn log(&self, text: ::std::string::String) -> impl ::core::future::Future<Output = ()> + Send;
    fn add(&self, a: i32, b: i32) -> impl ::core::future::Future<Output = i32> + Send;
    fn div(
        &self,
        a: i32,
        b: i32,
    ) -> impl ::core::future::Future<Output = ::core::result::Result<i32, MathError>> + Send;
    fn open(&self, calculator: ::mage::PendingReceiver<Calculator>) -> impl ::core::future::Future<Output = ()> + Send;
    fn count(&self, first: i32, items: ::mage::StreamSink<i32>) -> impl ::core::future::Future<Output = ()> + Send;
}

pub trait LocalCalculatorHandler: 'static {
    fn log(&self, text: ::std::string::String) -> impl ::core::future::Future<Output = ()>;
    fn add(&self, a: i32, b: i32) -> impl ::core::future::Future<Output = i32>;
    fn div(&self, a: i32, b: i32) -> impl ::core::future::Future<Output = ::core::result::Result<i32, MathError>>;
    fn open(&self, calculator: ::mage::PendingReceiver<Calculator>) -> impl ::core::future::Future<Output = ()>;
    fn count(&self, first: i32, items: ::mage::StreamSink<i32>) -> impl ::core::future::Future<Output = ()>;
}

pub trait CalculatorSync: 'static {
    fn log(&mut self, text: ::std::string::String);
    fn add(&mut self, a: i32, b: i32) -> i32;
    fn div(&mut self, a: i32, b: i32) -> ::core::result::Result<i32, MathError>;
    fn open(&mut self, calculator: ::mage::PendingReceiver<Calculator>);
    fn count(&mut self, first: i32, items: ::mage::StreamSink<i32>);
}

impl Calculator {
    const ADD: ::mage::interface::Method<i32> = ::mage::interface::Method::new(0x1000_0002, "Calculator.Add");
    const DIV: ::mage::interface::Method<i32, MathError> =
        ::mage::interface::Method::new(0x1000_0003, "Calculator.Div");
    const COUNT: ::mage::interface::Method<i32> = ::mage::interface::Method::new(0x1000_0005, "Calculator.Count");
}

impl ::mage::Interface for Calculator {
    const NAME: &'static str = "Calculator";
    const ID: u64 = 0x0102_0304_0506_0708;
    type Calls = CalculatorCalls;
    type Request = CalculatorRequest;

    fn calls(caller: ::mage::interface::Caller) -> CalculatorCalls {
        CalculatorCalls { caller }
    }

    fn caller(calls: &CalculatorCalls) -> &::mage::interface::Caller {
        &calls.caller
    }

    fn decode(
        mut incoming: ::mage::interface::Incoming<'_>,
    ) -> ::core::result::Result<CalculatorRequest, ::mage::parameter::Fault> {
        Ok(match incoming.method() {
            0x1000_0001 => {
                let from = incoming.one_way()?;
                CalculatorRequest::Log { text: from.field("text")? }
            }
            0x1000_0002 => {
                let from = incoming.call()?;
                CalculatorRequest::Add {
                    a: from.field("a")?,
                    b: from.field("b")?,
                    reply: incoming.responder(&Calculator::ADD),
                }
            }
            0x1000_0003 => {
                let from = incoming.call()?;
                CalculatorRequest::Div {
                    a: from.field("a")?,
                    b: from.field("b")?,
                    reply: incoming.responder(&Calculator::DIV),
                }
            }
            0x1000_0004 => {
                let from = incoming.one_way()?;
                CalculatorRequest::Open { calculator: from.field("calculator")? }
            }
            0x1000_0005 => {
                let from = incoming.call()?;
                CalculatorRequest::Count { first: from.field("first")?, items: incoming.sink(&Calculator::COUNT) }
            }
            _ => return Err(incoming.unknown()),
        })
    }

    fn method_name(id: u32) -> ::core::option::Option<&'static str> {
        Some(match id {
            0x1000_0001 => "Calculator.Log",
            0x1000_0002 => "Calculator.Add",
            0x1000_0003 => "Calculator.Div",
            0x1000_0004 => "Calculator.Open",
            0x1000_0005 => "Calculator.Count",
            _ => return None,
        })
    }
}

impl<H: CalculatorHandler> ::mage::interface::Serve<H> for Calculator {
    async fn serve(handler: &H, request: CalculatorRequest) {
        match request {
            CalculatorRequest::Log { text } => H::log(handler, text).await,
            CalculatorRequest::Add { a, b, reply } => reply.run(H::add(handler, a, b)).await,
            CalculatorRequest::Div { a, b, reply } => reply.run_fallible(H::div(handler, a, b)).await,
            CalculatorRequest::Open { calculator } => H::open(handler, calculator).await,
            CalculatorRequest::Count { first, items } => items.run(|items| H::count(handler, first, items)).await,
        }
    }
}

impl<H: LocalCalculatorHandler> ::mage::interface::ServeLocal<H> for Calculator {
    async fn serve_local(handler: &H, request: CalculatorRequest) {
        match request {
            CalculatorRequest::Log { text } => H::log(handler, text).await,
            CalculatorRequest::Add { a, b, reply } => reply.run(H::add(handler, a, b)).await,
            CalculatorRequest::Div { a, b, reply } => reply.run_fallible(H::div(handler, a, b)).await,
            CalculatorRequest::Open { calculator } => H::open(handler, calculator).await,
            CalculatorRequest::Count { first, items } => items.run(|items| H::count(handler, first, items)).await,
        }
    }
}

impl<H: CalculatorSync> ::mage::interface::ServeSync<H> for Calculator {
    fn serve_sync(implementation: &mut H, request: CalculatorRequest) {
        match request {
            CalculatorRequest::Log { text } => H::log(implementation, text),
            CalculatorRequest::Add { a, b, reply } => reply.send(H::add(implementation, a, b)),
            CalculatorRequest::Div { a, b, reply } => reply.answer(H::div(implementation, a, b)),
            CalculatorRequest::Open { calculator } => H::open(implementation, calculator),
            CalculatorRequest::Count { first, items } => H::count(implementation, first, items),
        }
    }
}
