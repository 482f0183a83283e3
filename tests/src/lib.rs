//! What needs more than one crate of Mage: the simulator, real processes, conformance of adapters.

pub mod children;
pub mod explore;
pub mod programs;
pub mod scene;
pub mod world;
