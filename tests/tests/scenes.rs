//! Scenes of the protocol: each a sentence, played in many orders of delivery.
mod scenes {
    mod flows;
}
