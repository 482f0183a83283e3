//! Runs Mage on tokio.
