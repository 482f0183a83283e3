//! The seam that generated code fills: what `mage` has to know of an interface.
//!
//! ```text
//!   marker Calculator: Interface { NAME, ID, Calls, Request, decode }
//!       CalculatorCalls ── Caller ──▶ pipe ──▶ Incoming ── decode ──▶ CalculatorRequest
//!       Serve<H>, ServeLocal<H>, ServeSync<H>: a request to the method of an implementation
//! ```
//!
//! The serving traits stand on the marker, not on the implementation: the marker is the user's type, so that generated
//! code may implement them for every implementation at once. Applications name nothing of this module.

use std::convert::Infallible;
use std::fmt;
use std::future::Future;

use crate::call::head::{Head, Kind};
use crate::call::{Answerer, Responder, STREAM_WINDOW, StreamSink};
use crate::parameter::{BadValue, Decoder, Encoder, Fault, Parameter};
use crate::pipe::MessagePipe;

pub use crate::call::Caller;

/// An interface: what `Remote` and `Receiver` are generic over. Generated.
pub trait Interface: Sized + 'static {
    /// The full name, module included.
    const NAME: &'static str;
    /// What the first message of a pipe is checked against.
    const ID: u64;
    /// Both, where a reference is needed.
    const IDENTITY: &'static Identity = &Identity { name: Self::NAME, id: Self::ID };

    /// What a remote offers: a method per method.
    type Calls: Clone + fmt::Debug + Send + Sync + 'static;
    /// What a receiver gets: a variant per method.
    type Request: fmt::Debug + Send + 'static;

    /// Makes the methods callable.
    fn calls(caller: Caller) -> Self::Calls;

    /// The caller inside.
    fn caller(calls: &Self::Calls) -> &Caller;

    /// Reads a request.
    ///
    /// # Errors
    ///
    /// What is wrong with the message.
    fn decode(incoming: Incoming<'_>) -> Result<Self::Request, Fault>;

    /// The full name of the method with `id`.
    fn method_name(id: u32) -> Option<&'static str>;
}

/// How an interface is called.
#[derive(Debug)]
pub struct Identity {
    /// The full name.
    pub name: &'static str,
    /// The 64-bit id.
    pub id: u64,
}

/// Interfaces whose requests `H` serves asynchronously. Generated.
#[diagnostic::on_unimplemented(
    message = "`{H}` does not serve `{Self}`",
    label = "needs an implementation of `{Self}Handler`",
    note = "implement the generated trait `{Self}Handler` for `{H}`"
)]
pub trait Serve<H>: Interface {
    /// Has `handler` serve `request`.
    fn serve(handler: &H, request: Self::Request) -> impl Future<Output = ()> + Send;
}

/// Interfaces whose requests `H` serves asynchronously on one thread. Generated.
#[diagnostic::on_unimplemented(
    message = "`{H}` does not serve `{Self}` on one thread",
    label = "needs an implementation of `Local{Self}Handler`",
    note = "implement the generated trait `Local{Self}Handler` for `{H}`"
)]
pub trait ServeLocal<H>: Interface {
    /// Has `handler` serve `request`.
    fn serve_local(handler: &H, request: Self::Request) -> impl Future<Output = ()>;
}

/// Interfaces whose requests `H` serves at once. Generated.
#[diagnostic::on_unimplemented(
    message = "`{H}` does not serve `{Self}` synchronously",
    label = "needs an implementation of `{Self}Sync`",
    note = "implement the generated trait `{Self}Sync` for `{H}`"
)]
pub trait ServeSync<H>: Interface {
    /// Has `implementation` serve `request`.
    fn serve_sync(implementation: &mut H, request: Self::Request);
}

/// A method that is answered: how its answers travel. Generated code keeps one static per method.
pub struct Method<T, E = Infallible> {
    pub(crate) id: u32,
    pub(crate) name: &'static str,
    pub(crate) encode: fn(T, &mut Encoder),
    pub(crate) decode: fn(&mut Decoder<'_>) -> Result<T, Fault>,
    pub(crate) encode_error: fn(E, &mut Encoder),
    pub(crate) decode_error: fn(&mut Decoder<'_>) -> Result<E, Fault>,
}

impl<T: Parameter, E: Parameter> Method<T, E> {
    /// A method whose answers are encoded as their types say.
    pub const fn new(id: u32, name: &'static str) -> Self {
        Self::with_answer(id, name, T::encode, T::decode)
    }
}

impl<T, E: Parameter> Method<T, E> {
    /// A method whose answers have bounds and defaults that their types do not know.
    pub const fn with_answer(
        id: u32,
        name: &'static str,
        encode: fn(T, &mut Encoder),
        decode: fn(&mut Decoder<'_>) -> Result<T, Fault>,
    ) -> Self {
        Self { id, name, encode, decode, encode_error: E::encode, decode_error: E::decode }
    }
}

impl<T, E> fmt::Debug for Method<T, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Method").field("name", &self.name).finish_non_exhaustive()
    }
}

/// A call that arrived and has to be read.
#[derive(Debug)]
pub struct Incoming<'a> {
    head: Head,
    params: Decoder<'a>,
    pipe: &'a MessagePipe,
    answerer: &'a mut Answerer,
}

impl<'a> Incoming<'a> {
    #[inline]
    pub(crate) fn new(head: Head, params: Decoder<'a>, pipe: &'a MessagePipe, answerer: &'a mut Answerer) -> Self {
        Self { head, params, pipe, answerer }
    }

    /// The method's id.
    #[inline]
    pub fn method(&self) -> u32 {
        self.head.method
    }

    /// The parameters of a method that has no answer.
    ///
    /// # Errors
    ///
    /// [`BadValue::WrongKind`] when one is asked for.
    #[inline]
    pub fn one_way(&mut self) -> Result<&mut Decoder<'a>, Fault> {
        if self.head.kind == Kind::OneWay { Ok(&mut self.params) } else { Err(BadValue::WrongKind.into()) }
    }

    /// The parameters of a method that is answered.
    ///
    /// # Errors
    ///
    /// [`BadValue::WrongKind`] when nobody waits for an answer.
    #[inline]
    pub fn call(&mut self) -> Result<&mut Decoder<'a>, Fault> {
        if self.head.kind == Kind::Call { Ok(&mut self.params) } else { Err(BadValue::WrongKind.into()) }
    }

    /// What answers the call.
    #[inline]
    pub fn responder<T, E>(self, method: &'static Method<T, E>) -> Responder<T, E> {
        Responder::new(self.answerer.ticket(self.pipe, method.id, self.head.call, 0), method)
    }

    /// What takes the values of the answer.
    pub fn sink<T>(self, method: &'static Method<T>) -> StreamSink<T> {
        StreamSink::new(self.answerer.ticket(self.pipe, method.id, self.head.call, STREAM_WINDOW), method)
    }

    /// Says that the interface has no such method.
    #[cold]
    pub fn unknown(&self) -> Fault {
        BadValue::UnknownMethod { id: self.head.method }.into()
    }
}
