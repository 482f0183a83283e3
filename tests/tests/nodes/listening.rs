//! Processes that nobody started from here call at a name in the file system.

use std::io::Read;
use std::os::unix::net::UnixStream;
use std::time::Duration;

use mage::{Listener, listener};
use mage_tests::children::Executor;

use crate::{message, receive};

/// A name in a folder of its own, which is removed at the end.
struct Place(std::path::PathBuf);

impl Place {
    fn new(executor: Executor, what: &str) -> Self {
        let folder = std::env::temp_dir().join(format!("mage-{}-{executor}-{what}", std::process::id()));
        std::fs::create_dir_all(&folder).expect("a folder");
        Self(folder)
    }

    fn name(&self) -> std::path::PathBuf {
        self.0.join("socket")
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

pub(crate) fn callers_of_a_listener_are_invited(executor: Executor) {
    let (running, place) = (executor.start(), Place::new(executor, "callers"));
    let server = running.node();
    let listener = Listener::bind(&server, place.name()).expect("a listener");
    let clients: Vec<_> = (0..3_u8)
        .map(|number| {
            let client = running.node();
            let accepting = listener::connect(&client, place.name()).expect("a listener");
            let near = running.run(listener.next()).expect("a caller");
            near.send(message(&[number])).unwrap();
            (client, accepting.wait().expect("a pipe"), near)
        })
        .collect();
    for (number, (_client, far, near)) in clients.iter().enumerate() {
        assert_eq!(*receive(far).payload, [number as u8]);
        far.send(message(b"thanks")).unwrap();
        assert_eq!(*receive(near).payload, *b"thanks");
    }
}

pub(crate) fn a_listener_turns_away_more_callers_than_may_wait(executor: Executor) {
    let (running, place) = (executor.start(), Place::new(executor, "crowd"));
    let listener = Listener::bind(&running.node(), place.name()).expect("a listener");
    // Each call is taken in, or turned away, before the next: the system's own queue is never what is full.
    let mut crowd: Vec<UnixStream> = Vec::new();
    let turned_away = loop {
        let mut caller = UnixStream::connect(place.name()).expect("a listener");
        caller.set_nonblocking(true).unwrap();
        let refused = crowd.len() >= 64 && {
            caller.set_nonblocking(false).unwrap();
            caller.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
            matches!(caller.read(&mut [0]), Ok(0))
        };
        if refused {
            break crowd.len();
        }
        crowd.push(caller);
        assert!(crowd.len() < 1000, "nobody is turned away");
    };
    assert_eq!(turned_away, 64);
    for _ in 0..64 {
        running.run(listener.next()).expect("a caller that waited");
    }
}

pub(crate) fn a_listener_gives_its_name_back(executor: Executor) {
    let (running, place) = (executor.start(), Place::new(executor, "name"));
    let node = running.node();
    let listener = Listener::bind(&node, place.name()).expect("a listener");
    assert_eq!(Listener::bind(&node, place.name()).unwrap_err().kind(), std::io::ErrorKind::AddrInUse);
    assert_eq!(listener.path(), place.name());
    drop(listener);
    assert!(!place.name().exists());
    Listener::bind(&node, place.name()).expect("the name again");
    assert_eq!(listener::connect(&node, place.0.join("nobody")).unwrap_err().kind(), std::io::ErrorKind::NotFound);
}
