//! Compiles the interface that the benchmarks call.

fn main() -> Result<(), magen_nom::Error> {
    magen_nom::Compiler::new().compile(&["interfaces/meter.magen"])
}
