//! Ends of an interface's pipe that nobody uses yet: what can be sent, and what can be bound.

use std::collections::VecDeque;
use std::fmt;
use std::marker::PhantomData;

use crate::backend::MergeError;
use crate::interface::Interface;
use crate::parameter::{Decoder, Encoder, Fault, Parameter};
use crate::pipe::{Message, MessagePipe};
use crate::receiver::Receiver;
use crate::remote::Remote;

/// The calling end of an `I`, not bound yet. Dropping it closes the pipe.
pub struct PendingRemote<I: Interface> {
    pipe: MessagePipe,
    interface: PhantomData<fn() -> I>,
}

impl<I: Interface> PendingRemote<I> {
    /// Takes `pipe` for the calling end of an `I`.
    pub fn new(pipe: MessagePipe) -> Self {
        Self { pipe, interface: PhantomData }
    }

    /// Takes a new pipe for the two ends of an `I`: `PendingRemote::pair(node.create_pipe())`.
    pub fn pair((remote, receiver): (MessagePipe, MessagePipe)) -> (Self, PendingReceiver<I>) {
        (Self::new(remote), PendingReceiver::new(receiver))
    }

    /// Makes the end callable.
    pub fn bind(self) -> Remote<I> {
        Remote::bind(self.pipe)
    }

    /// The end without its type.
    pub fn into_pipe(self) -> MessagePipe {
        self.pipe
    }

    /// Has `receiver` serve what is called here: its far end becomes this one's, and calls already made arrive first.
    ///
    /// # Errors
    ///
    /// Gives both back when their pipes belong to different nodes or cannot be merged.
    pub fn forward_to(self, receiver: PendingReceiver<I>) -> Result<(), (MergeError, Self, PendingReceiver<I>)> {
        self.pipe
            .merge(receiver.into_pipe())
            .map_err(|(error, near, far)| (error, Self::new(near), PendingReceiver::new(far)))
    }
}

/// The serving end of an `I`, not bound yet. Dropping it closes the pipe.
pub struct PendingReceiver<I: Interface> {
    pipe: MessagePipe,
    /// What was taken from the pipe by a receiver that was unbound, and not dispatched.
    taken: VecDeque<Message>,
    interface: PhantomData<fn() -> I>,
}

impl<I: Interface> PendingReceiver<I> {
    /// Takes `pipe` for the serving end of an `I`.
    pub fn new(pipe: MessagePipe) -> Self {
        Self::with_taken(pipe, VecDeque::new())
    }

    pub(crate) fn with_taken(pipe: MessagePipe, taken: VecDeque<Message>) -> Self {
        Self { pipe, taken, interface: PhantomData }
    }

    /// Makes the end servable.
    pub fn bind(self) -> Receiver<I> {
        Receiver::with_taken(self.pipe, self.taken)
    }

    /// The end without its type. Messages that a receiver took and did not dispatch come first again.
    pub fn into_pipe(self) -> MessagePipe {
        put_back(self.pipe, self.taken)
    }
}

/// Puts messages in front of everything that arrives at `pipe`: they go into a new pipe, which is then fused with it.
fn put_back(pipe: MessagePipe, taken: VecDeque<Message>) -> MessagePipe {
    if taken.is_empty() {
        return pipe;
    }
    let (front, end) = pipe.create_sibling();
    for message in taken {
        // They fitted into a pipe before, and this one has the same window.
        if front.send(message).is_err() {
            break;
        }
    }
    match pipe.merge(front) {
        Ok(()) => end,
        Err((_, pipe, _)) => pipe,
    }
}

impl<I: Interface> From<MessagePipe> for PendingRemote<I> {
    fn from(pipe: MessagePipe) -> Self {
        Self::new(pipe)
    }
}

impl<I: Interface> From<MessagePipe> for PendingReceiver<I> {
    fn from(pipe: MessagePipe) -> Self {
        Self::new(pipe)
    }
}

impl<I: Interface> Parameter for PendingRemote<I> {
    const MIN_SIZE: usize = 4;

    fn encode(self, to: &mut Encoder) {
        to.pipe(self.into_pipe());
    }

    fn decode(from: &mut Decoder<'_>) -> Result<Self, Fault> {
        from.pipe().map(Self::new)
    }
}

impl<I: Interface> Parameter for PendingReceiver<I> {
    const MIN_SIZE: usize = 4;

    fn encode(self, to: &mut Encoder) {
        to.pipe(self.into_pipe());
    }

    fn decode(from: &mut Decoder<'_>) -> Result<Self, Fault> {
        from.pipe().map(Self::new)
    }
}

impl<I: Interface> fmt::Debug for PendingRemote<I> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("PendingRemote").field(&I::NAME).field(&self.pipe.end().0).finish()
    }
}

impl<I: Interface> fmt::Debug for PendingReceiver<I> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("PendingReceiver").field(&I::NAME).field(&self.pipe.end().0).finish()
    }
}
