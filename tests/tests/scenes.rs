//! Scenes of the protocol: each a sentence, played in many orders of delivery among nodes driven by hand.
//!
//! What existing systems test of their ports is here under the words of this one (Chromium's `ports_unittest`, its
//! core and channel tests, ipcz, OpenVMM's mesh, Mage in C++), and what this protocol has to fear besides.

mod scenes {
    mod corners;
    mod costs;
    mod credits;
    mod endings;
    mod flows;
    mod hostile;
    mod isolated;
    mod joining;
    mod losses;
    mod merging;
    mod moving;
    mod pictures;
    mod turns;
}
