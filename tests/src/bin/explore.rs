//! Searches small configurations to their end and prints a table: `explore [PART OF A NAME]`, by default all of them.

use mage_tests::explore::{configurations, search};

fn main() {
    let part = std::env::args().nth(1).unwrap_or_default();
    println!("| configuration | distinct states | steps | quiet states | depth | seconds |");
    println!("|---|---|---|---|---|---|");
    for configuration in configurations().iter().filter(|configuration| configuration.name.contains(&part)) {
        let outcome = search(configuration);
        println!(
            "| {} | {} | {} | {} | {} | {:.1} |",
            configuration.name,
            outcome.states,
            outcome.steps,
            outcome.quiet,
            outcome.depth,
            outcome.time.as_secs_f64()
        );
    }
}
