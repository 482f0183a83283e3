//! What a scene expects to see.

use mage_proto::{Census, CloseReason};

use super::Scene;

impl Scene {
    /// The next messages at `label` are these, in this order.
    #[track_caller]
    pub fn reads(&mut self, label: &str, texts: &[&str]) {
        for &text in texts {
            match self.read(label) {
                Ok(Some(read)) => assert_eq!(read, text, "at {label}"),
                other => panic!("{text:?} was expected at {label}, there is {other:?}"),
            }
        }
    }

    /// Nothing is there to be read at `label`, and the pipe is open.
    #[track_caller]
    pub fn reads_nothing(&mut self, label: &str) {
        assert_eq!(self.read(label), Ok(None), "at {label}");
    }

    /// Everything was read at `label`, whose far end was closed.
    #[track_caller]
    pub fn sees_close(&mut self, label: &str) {
        assert_eq!(self.read(label), Err(CloseReason::default()), "at {label}");
    }

    /// Everything was read at `label`, whose route broke.
    #[track_caller]
    pub fn sees_loss(&mut self, label: &str) {
        match self.read(label) {
            Err(CloseReason::Lost(_)) => {}
            other => panic!("a loss was expected at {label}, there is {other:?}"),
        }
    }

    /// Why the pipe of `label` ended, if it did, though there may be something to read.
    pub fn ended(&mut self, label: &str) -> Option<CloseReason> {
        let held = &self.ends[label];
        let node = self.actors[held.actor].node.as_ref().expect("it has not crashed");
        node.ended(&held.port).cloned()
    }

    /// Whether something may be sent from `label` now.
    pub fn is_writable(&mut self, label: &str) -> bool {
        let held = &self.ends[label];
        self.actors[held.actor].node.as_ref().expect("it has not crashed").is_writable(&held.port)
    }

    /// The node where the end called `label` is held.
    pub fn whereabouts(&self, label: &str) -> &str {
        &self.actors[self.ends[label].actor].label
    }

    /// What a node has reported since this was asked last.
    pub fn said(&mut self, node: &str) -> Vec<String> {
        let actor = self.actor(node);
        let said = std::mem::take(&mut self.actors[actor].said);
        said.iter().map(|line| self.names.resolve(line)).collect()
    }

    /// A node has reported this.
    #[track_caller]
    pub fn has_said(&mut self, node: &str, what: &str) {
        let said = self.said(node);
        assert!(said.iter().any(|line| line.contains(what)), "{node} said {said:?}, not {what:?}");
    }

    /// Broken promises that were noticed since this was asked last. A scene that asks never fails by them.
    pub fn faults(&mut self) -> Vec<String> {
        std::mem::take(&mut self.faults)
    }

    /// Some port said that its route is broken.
    pub fn gone_was_said(&self) -> bool {
        self.gone > 0
    }

    /// How many frames were delivered since this was asked last.
    pub fn frames(&mut self) -> usize {
        std::mem::take(&mut self.frames)
    }

    /// How many bytes of frames were delivered since this was asked last.
    pub fn bytes(&mut self) -> usize {
        std::mem::take(&mut self.bytes)
    }

    /// What a node holds.
    pub fn census(&mut self, node: &str) -> Census {
        self.node(node).census()
    }

    /// Every port in the scene is an end: nothing is passed on, nothing lingers, nothing waits.
    #[track_caller]
    pub fn is_collapsed(&mut self) {
        for actor in &self.actors {
            let Some(node) = &actor.node else { continue };
            let census = node.census();
            let rest = (census.proxies, census.dead_proxies, census.stubs, census.pending);
            assert_eq!(rest, (0, 0, 0, 0), "proxies, dead proxies, stubs and pending at {}", actor.label);
        }
    }

    /// Ports stay behind in this scene, as it shows.
    pub fn leaves_residue(&mut self) {
        self.residue = true;
    }

    /// Handles of the application's that still exist, wherever they are.
    pub fn handles_alive(&self) -> Vec<String> {
        self.sockets.tokens_alive()
    }

    /// Drops the handles that applications have received, and returns their names in order.
    pub fn drop_handles(&mut self) -> Vec<String> {
        self.handles.drain(..).map(|handle| handle.name().to_owned()).collect()
    }

    /// Ends the scene: closes every end; no node may hold anything then, and nothing may have gone wrong unnoticed.
    #[track_caller]
    pub(super) fn finish(&mut self) {
        self.transcript = None;
        self.grant_pairs();
        self.settle_all();
        self.close_all();
        self.settle_all();
        assert!(self.faults.is_empty(), "{:?}", self.faults);
        if self.residue {
            return;
        }
        for actor in &self.actors {
            let Some(node) = &actor.node else { continue };
            let census = node.census();
            let rest = Census { links: 0, nodes: 0, ..census };
            assert_eq!(rest, Census::default(), "{} holds something after everything was closed", actor.label);
        }
        self.handles.clear();
        assert!(self.sockets.tokens_alive().is_empty(), "handles leak: {:?}", self.sockets.tokens_alive());
    }
}
