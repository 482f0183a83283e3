//! Journeys through Mage, one folder each; the demo is the first.
