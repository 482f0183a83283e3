//! The ports of a node: by place, for those who hold a key, and by name, for events that arrive.
//!
//! Names are looked up in a table keyed against flooding (the name of a moved port is chosen by another node); nothing
//! ever iterates in the order of that table.

use hashbrown::HashTable;
use slab::Slab;

use super::{Detached, Entry, Hint, Port};
use crate::id::PortId;
use crate::name::{NameSource, PortName};

/// The ports of a node.
#[derive(Debug, Clone)]
pub(crate) struct Ports<H> {
    entries: Slab<Entry<H>>,
    names: HashTable<u32>,
    keys: Keys,
}

/// Hashes with a secret of this node's own.
pub(crate) type Keys = ahash::RandomState;

/// Draws the secret of a node's tables.
pub(crate) fn draw_keys(source: &mut impl NameSource) -> Keys {
    let (one, other) = (source.next_name(), source.next_name());
    let low = |bits: u128| u64::try_from(bits & u128::from(u64::MAX)).unwrap_or_default();
    Keys::with_seeds(low(one), low(one >> 64), low(other), low(other >> 64))
}

#[inline]
fn slot(id: PortId) -> usize {
    usize::try_from(id.0).unwrap_or(usize::MAX)
}

impl<H> Ports<H> {
    pub(crate) fn new(keys: Keys) -> Self {
        Self { entries: Slab::new(), names: HashTable::new(), keys }
    }

    /// Places a port and makes its name known. The name must be free.
    pub(crate) fn insert(&mut self, port: Port<H>) -> PortId {
        let name = port.name;
        if self.entries.len() == self.entries.capacity() {
            // Not twice as many: most of what is set aside would never be used.
            self.entries.reserve_exact((self.entries.len() / 8).max(16));
        }
        let place = u32::try_from(self.entries.insert(Entry::Routed(port))).unwrap_or(u32::MAX);
        self.publish(name, place);
        PortId(place)
    }

    fn publish(&mut self, name: PortName, place: u32) {
        let hash = self.keys.hash_one(name);
        let (entries, keys) = (&self.entries, &self.keys);
        self.names.insert_unique(hash, place, |&other| name_at(entries, other).map_or(0, |name| keys.hash_one(name)));
    }

    /// The port called `name`, if it is here.
    #[inline]
    pub(crate) fn find(&self, name: PortName) -> Option<PortId> {
        let hash = self.keys.hash_one(name);
        let entries = &self.entries;
        self.names.find(hash, |&place| name_at(entries, place) == Some(name)).map(|&place| PortId(place))
    }

    /// The port called `name`, which was at `hint` when it was looked for last.
    #[inline]
    pub(crate) fn find_near(&self, hint: Hint, name: PortName) -> Option<PortId> {
        if name_at(&self.entries, hint.0) == Some(name) { Some(PortId(hint.0)) } else { self.find(name) }
    }

    #[inline]
    pub(crate) fn entry(&self, id: PortId) -> Option<&Entry<H>> {
        self.entries.get(slot(id))
    }

    #[inline]
    pub(crate) fn entry_mut(&mut self, id: PortId) -> Option<&mut Entry<H>> {
        self.entries.get_mut(slot(id))
    }

    /// The routed port at `id`.
    #[inline]
    pub(crate) fn get(&self, id: PortId) -> Option<&Port<H>> {
        match self.entries.get(slot(id)) {
            Some(Entry::Routed(port)) => Some(port),
            Some(Entry::Detached(_)) | None => None,
        }
    }

    /// The routed port at `id`.
    #[inline]
    pub(crate) fn get_mut(&mut self, id: PortId) -> Option<&mut Port<H>> {
        match self.entries.get_mut(slot(id)) {
            Some(Entry::Routed(port)) => Some(port),
            Some(Entry::Detached(_)) | None => None,
        }
    }

    /// Takes an entry away, name and all.
    pub(crate) fn remove(&mut self, id: PortId) -> Option<Entry<H>> {
        if let Some(name) = self.get(id).map(|port| port.name) {
            self.unpublish(name);
        }
        self.entries.try_remove(slot(id))
    }

    fn unpublish(&mut self, name: PortName) {
        let hash = self.keys.hash_one(name);
        let entries = &self.entries;
        if let Ok(found) = self.names.find_entry(hash, |&place| name_at(entries, place) == Some(name)) {
            found.remove();
        }
    }

    /// Leaves `detached` at `id`, where an application holds it, and takes the routed port away.
    pub(crate) fn detach(&mut self, id: PortId, detached: Detached) -> Option<Port<H>> {
        let name = self.get(id)?.name;
        self.unpublish(name);
        match core::mem::replace(self.entries.get_mut(slot(id))?, Entry::Detached(detached)) {
            Entry::Routed(port) => Some(port),
            Entry::Detached(_) => None,
        }
    }

    /// The places of all entries, in order.
    pub(crate) fn ids(&self) -> impl Iterator<Item = PortId> + '_ {
        self.entries.iter().map(|(place, _)| PortId(u32::try_from(place).unwrap_or(u32::MAX)))
    }

    /// Every entry with its place, in order.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (PortId, &Entry<H>)> {
        self.entries.iter().map(|(place, entry)| (PortId(u32::try_from(place).unwrap_or(u32::MAX)), entry))
    }

    /// Every routed port, to be changed.
    pub(crate) fn iter_mut(&mut self) -> impl Iterator<Item = &mut Port<H>> {
        self.entries.iter_mut().filter_map(|(_, entry)| match entry {
            Entry::Routed(port) => Some(port),
            Entry::Detached(_) => None,
        })
    }
}

#[inline]
fn name_at<H>(entries: &Slab<Entry<H>>, place: u32) -> Option<PortName> {
    match entries.get(usize::try_from(place).ok()?) {
        Some(Entry::Routed(port)) => Some(port.name),
        Some(Entry::Detached(_)) | None => None,
    }
}

#[cfg(test)]
mod tests {
    use super::{Entry, Ports, draw_keys};
    use crate::credit::Credit;
    use crate::limits::Window;
    use crate::name::{Address, NameSource, NodeName, port_name};
    use crate::port::queue::Queue;
    use crate::port::{Active, Hint, Holder, Port, State, Writer};

    struct Count(u128);

    impl NameSource for Count {
        fn next_name(&mut self) -> u128 {
            self.0 = self.0.wrapping_add(1);
            self.0
        }
    }

    fn idle(names: &mut Count) -> Port<u32> {
        let peer = Address { node: NodeName::NOWHERE, port: port_name(names) };
        let credit = Credit::new(Window { bytes: 1, messages: 1 });
        let state = State::Active(Active {
            outbound: Some(peer),
            queue: Queue::new(),
            unread: 0,
            assembly: None,
            credit,
            holder: Holder::Application,
            hint: Hint::default(),
        });
        Port { name: port_name(names), writer: Writer::Sure(peer), state, pending: None, owner: None, reroutes: 0 }
    }

    /// A place in a slab, as the slab lays it out.
    enum Place {
        _Vacant(usize),
        _Occupied(Entry<u32>),
    }

    #[test]
    fn an_idle_port_takes_at_most_250_bytes_however_many_there_are() {
        let mut names = Count(0);
        let mut ports = Ports::new(draw_keys(&mut names));
        for count in 1..=100_000_usize {
            ports.insert(idle(&mut names));
            let places = ports.entries.capacity().saturating_mul(size_of::<Place>());
            let bytes = places.saturating_add(ports.names.allocation_size());
            assert!(count < 500 || bytes <= count.saturating_mul(250), "{count} ports take {bytes} bytes");
        }
    }
}
