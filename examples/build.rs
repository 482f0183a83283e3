//! Compiles the interfaces of the journeys.

fn main() -> Result<(), magen_nom::Error> {
    magen_nom::Compiler::new().compile(&["demo/network_process.magen", "calculator/calculator.magen"])
}
