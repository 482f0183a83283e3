//! Runs Mage on smol.
