//! A program without the standard library: two nodes on a small heap of its own. Should any dependency of the core
//! bring std along, its panic handler collides with the one here and this does not build.
#![no_std]

extern crate alloc;

use alloc::collections::VecDeque;
use core::alloc::{GlobalAlloc, Layout};
use core::sync::atomic::{AtomicUsize, Ordering};

use bytes::BytesMut;
use mage_proto::{Limits, LinkId, Message, NameSource, Node, Output, Port, Transmit};

/// A heap that gives out each byte once.
struct Bump {
    used: AtomicUsize,
}

const HEAP: usize = 1 << 20;
static mut ARENA: [u8; HEAP] = [0; HEAP];

#[global_allocator]
static BUMP: Bump = Bump { used: AtomicUsize::new(0) };

// SAFETY: every block lies inside the arena, is aligned, and is given out once, because `used` only grows.
unsafe impl GlobalAlloc for Bump {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let base = (&raw mut ARENA).cast::<u8>();
        let place = self.used.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |used| {
            let address = (base.addr() + used).next_multiple_of(layout.align());
            let end = address - base.addr() + layout.size();
            (end <= HEAP).then_some(end)
        });
        match place {
            // SAFETY: as above; the same steps from the same `used` give the same place, inside the arena.
            Ok(used) => unsafe { base.add((base.addr() + used).next_multiple_of(layout.align()) - base.addr()) },
            Err(_) => core::ptr::null_mut(),
        }
    }

    unsafe fn dealloc(&self, _block: *mut u8, _layout: Layout) {}
}

#[panic_handler]
fn panic(_info: &core::panic::PanicInfo<'_>) -> ! {
    loop {
        core::hint::spin_loop();
    }
}

/// Counts; a device would ask its random source.
struct Count(u128);

impl NameSource for Count {
    fn next_name(&mut self) -> u128 {
        self.0 += 1;
        self.0
    }
}

type Here = Node<(), Count>;

fn initial(node: &mut Here) -> Option<Port> {
    let mut found = None;
    while let Some(output) = node.poll_output() {
        if let Output::InitialPort { port, .. } = output {
            found = Some(port);
        }
    }
    found
}

fn carry(from: (&mut Here, LinkId), to: (&mut Here, LinkId)) -> bool {
    let (mut batch, mut wire) = (Transmit::default(), BytesMut::new());
    while from.0.poll_transmit(from.1, &mut batch) {
        batch.slices().for_each(|slice| wire.extend_from_slice(slice));
        let _sent = batch.advance(batch.len());
    }
    to.0.handle_bytes(to.1, &mut wire, &mut VecDeque::new()).is_ok()
}

fn talk() -> Option<usize> {
    let (mut a, mut b) = (Node::new(Count(0), Limits::default()), Node::new(Count(1 << 64), Limits::default()));
    let (a_link, ours) = a.invite((), 1).ok()?;
    let b_link = b.accept(()).ok()?;
    a.send(ours.first()?, Message::new(&b"no std"[..])).ok()?;
    for _ in 0..4 {
        if !carry((&mut b, b_link), (&mut a, a_link)) || !carry((&mut a, a_link), (&mut b, b_link)) {
            return None;
        }
        if let Some(port) = initial(&mut b) {
            return b.receive(&port).ok()?.map(|message| message.payload.len());
        }
    }
    None
}

/// Lets two nodes exchange a message; returns its length in bytes, or zero when they could not.
// SAFETY: no other symbol of the program has this name.
#[unsafe(no_mangle)]
pub extern "C" fn mage_proto_without_std() -> usize {
    talk().unwrap_or(0)
}
