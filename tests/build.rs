//! Compiles the interfaces that tests talk over.

fn main() -> Result<(), magen_nom::Error> {
    magen_nom::Compiler::new().compile(&["interfaces/scenarios.magen"])
}
