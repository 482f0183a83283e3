//! The ports of a node: by place, for those who hold a key, and by name, for events that arrive.
//!
//! Names are looked up in a table keyed against flooding (the name of a moved port is chosen by another node); nothing
//! ever iterates in the order of that table.

use hashbrown::HashTable;
use slab::Slab;

use super::{Detached, Entry, Port};
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
    pub(crate) fn detach(&mut self, id: PortId, detached: Detached<H>) -> Option<Port<H>> {
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
