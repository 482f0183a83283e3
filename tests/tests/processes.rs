//! Every program of several processes, on every executor. Each runs in a parent process of its own, so that it may count
//! its descriptors and children, and so that one that crashes or hangs fails alone.

use mage_tests::children::Executor;
use mage_tests::programs::run;

macro_rules! program {
    ($executor:ident $name:ident) => {
        #[test]
        fn $name() {
            super::run(super::Executor::$executor, stringify!($name)).unwrap();
        }
    };
}

mod threads {
    mage_tests::for_each_program!(program Threads);
}

mod tokio {
    mage_tests::for_each_program!(program Tokio);
}

mod smol {
    mage_tests::for_each_program!(program Smol);
}
