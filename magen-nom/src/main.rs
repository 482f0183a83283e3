//! The command `magen`: builds, checks, formats and compares `.magen` files.
//!
//! It exits with 0 when all is well, with 1 when the files have something wrong with them, and with 2 when it was asked
//! for something that it cannot do. What it makes goes to standard output or files; what it says goes to standard error.

mod command;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand, ValueEnum};

use command::Session;

/// The compiler of .magen interface files
#[derive(Debug, Parser)]
#[command(name = "magen", version, about, max_term_width = 100)]
struct Cli {
    /// How messages are written
    #[arg(long, global = true, value_enum, default_value_t = MessageFormat::Human)]
    message_format: MessageFormat,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum MessageFormat {
    /// With the lines they are about
    Human,
    /// One line each
    Short,
    /// One JSON object per line
    Json,
}

/// The files to read.
#[derive(Debug, Args)]
struct Inputs {
    /// The files; `-` is standard input
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// Looks for imports here too, after the importing file's directory
    #[arg(short = 'I', long = "include", value_name = "DIR")]
    include: Vec<PathBuf>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Generates Rust: NAME.rs for each NAME.magen
    Build {
        #[command(flatten)]
        inputs: Inputs,
        /// Where the files go; what is read from standard input goes to standard output
        #[arg(short, long, value_name = "DIR", default_value = ".")]
        out_dir: PathBuf,
        /// Takes the types of an import from a Rust module: `common.magen=crate::common`
        #[arg(long, value_name = "IMPORT=MODULE", value_parser = rust_path)]
        rust_path: Vec<(String, String)>,
    },
    /// Says what is wrong with files, and generates nothing
    Check {
        #[command(flatten)]
        inputs: Inputs,
    },
    /// Brings files into the common layout
    Fmt {
        /// The files; `-` is standard input, and goes to standard output
        #[arg(required = true, value_name = "FILE")]
        files: Vec<PathBuf>,
        /// Changes nothing, names the files that would change, and exits with 1 if there are any
        #[arg(long)]
        check: bool,
    },
    /// Explains a code such as MG0007
    Explain {
        /// The code; without one, all are listed
        code: Option<String>,
    },
    /// Says what the change from one version of a file to another breaks
    Breaking {
        /// The old version
        old: PathBuf,
        /// The new version
        new: PathBuf,
        /// Looks for imports here too, after the importing file's directory
        #[arg(short = 'I', long = "include", value_name = "DIR")]
        include: Vec<PathBuf>,
    },
    /// Writes a completion script for a shell
    Completions {
        /// The shell
        shell: clap_complete::Shell,
    },
}

fn rust_path(text: &str) -> Result<(String, String), String> {
    let (import, module) = text.split_once('=').ok_or("expected IMPORT=MODULE")?;
    Ok((import.to_owned(), module.to_owned()))
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    let mut session = Session::new(cli.message_format);
    let outcome = match cli.command {
        Command::Build { inputs, out_dir, rust_path } => session.build(inputs, &out_dir, rust_path),
        Command::Check { inputs } => session.check(inputs),
        Command::Fmt { files, check } => session.fmt(&files, check),
        Command::Explain { code } => session.explain(code.as_deref()),
        Command::Breaking { old, new, include } => session.breaking(old, new, include),
        Command::Completions { shell } => session.completions(shell),
    };
    match outcome {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::from(1),
        Err(error) => {
            session.complain(&*error);
            ExitCode::from(2)
        }
    }
}
