//! Runs Mage on plain threads with a small task loop.
