//! Many receivers of one interface behind one loop, each with a context of its own.
//!
//! ```text
//!   receiver 1 + context ┐
//!   receiver 2 + context ┼──▶ next: who asked, their context, what they ask · or: who left, and why
//!   receiver 3 + context ┘
//! ```
//!
//! Only receivers that were woken are looked at. They take turns, so that none is starved by a busy one.

use std::collections::VecDeque;
use std::fmt;
use std::future::poll_fn;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Poll, Wake, Waker};

use futures::task::AtomicWaker;
use slab::Slab;

use crate::adapter::WouldDeadlock;
use crate::backend::Backend;
use crate::call::block_on;
use crate::interface::{Interface, ServeSync};
use crate::pipe::CloseReason;
use crate::receiver::Receiver;

/// Which member of a [`ReceiverSet`]. Never used again for another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct MemberId {
    index: usize,
    serial: u64,
}

/// What happened in a [`ReceiverSet`].
#[derive(Debug)]
pub enum SetEvent<'a, I: Interface, C> {
    /// A member's far end asks for something.
    Request {
        /// Who.
        member: MemberId,
        /// The context that the member was inserted with.
        context: &'a mut C,
        /// What.
        request: I::Request,
    },
    /// A member's pipe ended; it is not in the set any more.
    Closed {
        /// Who.
        member: MemberId,
        /// The context that the member was inserted with.
        context: C,
        /// Why.
        reason: CloseReason,
    },
}

/// Serves any number of receivers of interface `I`, each with a context of type `C`: whose it is, say, or the
/// implementation that serves it.
pub struct ReceiverSet<I: Interface, C = ()> {
    members: Slab<Member<I, C>>,
    serial: u64,
    ready: Arc<Ready>,
}

struct Member<I: Interface, C> {
    receiver: Receiver<I>,
    context: C,
    alarm: Arc<Alarm>,
    serial: u64,
}

/// Which members are to be looked at, and the task that does it.
#[derive(Debug, Default)]
struct Ready {
    task: AtomicWaker,
    members: Mutex<VecDeque<MemberId>>,
}

/// The waker of one member.
#[derive(Debug)]
struct Alarm {
    member: MemberId,
    rang: AtomicBool,
    ready: Arc<Ready>,
}

impl Ready {
    fn members(&self) -> MutexGuard<'_, VecDeque<MemberId>> {
        self.members.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Wake for Alarm {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        if !self.rang.swap(true, Ordering::AcqRel) {
            self.ready.members().push_back(self.member);
            self.ready.task.wake();
        }
    }
}

impl<I: Interface, C> ReceiverSet<I, C> {
    /// Makes an empty set.
    pub fn new() -> Self {
        Self { members: Slab::new(), serial: 0, ready: Arc::default() }
    }

    /// Adds a receiver.
    pub fn insert(&mut self, receiver: Receiver<I>, context: C) -> MemberId {
        self.serial += 1;
        let member = MemberId { index: self.members.vacant_key(), serial: self.serial };
        let alarm = Arc::new(Alarm { member, rang: AtomicBool::new(false), ready: Arc::clone(&self.ready) });
        alarm.wake_by_ref();
        self.members.insert(Member { receiver, context, alarm, serial: member.serial });
        member
    }

    /// Takes a receiver out, with what it did not dispatch; `None` when it is not in the set any more.
    pub fn remove(&mut self, member: MemberId) -> Option<(Receiver<I>, C)> {
        self.find(member)?;
        let member = self.members.try_remove(member.index)?;
        Some((member.receiver, member.context))
    }

    /// The context of a member.
    pub fn context_mut(&mut self, member: MemberId) -> Option<&mut C> {
        self.find(member).map(|found| &mut found.context)
    }

    /// The number of members.
    pub fn len(&self) -> usize {
        self.members.len()
    }

    /// Says whether nobody is in the set.
    pub fn is_empty(&self) -> bool {
        self.members.is_empty()
    }

    /// Waits for the next request or closing; `None` when the set is empty.
    ///
    /// # Cancel safety
    ///
    /// A dropped future takes no request.
    pub async fn next(&mut self) -> Option<SetEvent<'_, I, C>> {
        let (member, request) = poll_fn(|cx| self.poll_next(cx.waker())).await?;
        match request {
            Some(request) => {
                let context = &mut self.members.get_mut(member.index)?.context;
                Some(SetEvent::Request { member, context, request })
            }
            None => {
                let (receiver, context) = self.remove(member)?;
                let reason = receiver.close_reason().cloned().unwrap_or_default();
                Some(SetEvent::Closed { member, context, reason })
            }
        }
    }

    /// Blocks this thread for the next request or closing; `None` when the set is empty.
    ///
    /// # Errors
    ///
    /// [`WouldDeadlock`] where this thread must not wait.
    pub fn next_blocking(&mut self) -> Result<Option<SetEvent<'_, I, C>>, WouldDeadlock> {
        match self.backend() {
            Some(backend) => block_on(&*backend, self.next()),
            None => Ok(None),
        }
    }

    /// Has each member's context serve what it is asked, until the set is empty.
    ///
    /// A panic of one closes its pipe with the code [`CLOSED_PANICKED`](crate::call::CLOSED_PANICKED), and takes it out
    /// of the set.
    pub async fn serve(&mut self)
    where
        I: ServeSync<C>,
    {
        while let Some((member, request)) = poll_fn(|cx| self.poll_next(cx.waker())).await {
            let Some(found) = self.members.get_mut(member.index) else { continue };
            let is_over = match request {
                Some(request) => !found.receiver.dispatch_one(&mut found.context, request),
                None => true,
            };
            if is_over {
                self.remove(member);
            }
        }
    }

    fn find(&mut self, member: MemberId) -> Option<&mut Member<I, C>> {
        self.members.get_mut(member.index).filter(|found| found.serial == member.serial)
    }

    fn backend(&self) -> Option<Arc<dyn Backend>> {
        self.members.iter().next().map(|(_, member)| member.receiver.backend().clone())
    }

    /// The next member with something to say; `None` inside when its pipe ended.
    fn poll_next(&mut self, waker: &Waker) -> Poll<Option<(MemberId, Option<I::Request>)>> {
        if self.members.is_empty() {
            return Poll::Ready(None);
        }
        self.ready.task.register(waker);
        // A receiver that wakes itself keeps its place in the queue for the next turn.
        let waiting = self.ready.members().len();
        for _ in 0..waiting {
            let Some(id) = self.ready.members().pop_front() else { break };
            let Some(found) = self.find(id) else { continue };
            found.alarm.rang.store(false, Ordering::Release);
            let alarm = Arc::clone(&found.alarm);
            if let Poll::Ready(request) = found.receiver.poll_request(&Waker::from(Arc::clone(&alarm))) {
                // It may have more; the others come first.
                alarm.wake_by_ref();
                return Poll::Ready(Some((id, request)));
            }
        }
        if !self.ready.members().is_empty() {
            waker.wake_by_ref();
        }
        Poll::Pending
    }
}

impl<I: Interface, C> Default for ReceiverSet<I, C> {
    fn default() -> Self {
        Self::new()
    }
}

impl<I: Interface, C> fmt::Debug for ReceiverSet<I, C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ReceiverSet").field("interface", &I::NAME).field("members", &self.len()).finish()
    }
}
