//! The compiler of .magen interface files: a library for build scripts and the command magen.
