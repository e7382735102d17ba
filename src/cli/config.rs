//! `causeway config check|print|reference`.

use super::exit::UsageError;
use crate::config::{self, Loader};
use std::io::Write;
use std::path::PathBuf;

/// Check, print or explain the configuration.
#[derive(Debug, clap::Subcommand)]
pub enum Config {
    /// Check a configuration file, with the environment laid over it; says nothing but errors.
    ///
    /// Exits with 78 when a key is unknown or a value is wrong.
    Check {
        /// The TOML file.
        file: PathBuf,
    },
    /// Print the values in effect as TOML: defaults, the file, the environment.
    Print {
        /// The TOML file.
        #[arg(long, value_name = "FILE")]
        config: Option<PathBuf>,
    },
    /// Print every key with its type, default and meaning, as a TOML file of defaults.
    Reference,
}

impl Config {
    /// Does what was asked.
    pub fn run(&self, out: &mut impl Write) -> anyhow::Result<()> {
        match self {
            Config::Check { file } => {
                layered(Some(file))?.finish()?;
                writeln!(out, "{}: good", super::printable::Printable::new(&file.display().to_string()))?;
            }
            Config::Print { config } => write!(out, "{}", layered(config.as_ref())?.finish()?.to_toml()?)?,
            Config::Reference => write!(out, "{}", config::reference())?,
        }
        Ok(())
    }
}

/// Defaults, the file and the environment, ready for flags.
pub fn layered(file: Option<&PathBuf>) -> anyhow::Result<Loader> {
    let loader = match file {
        Some(file) => Loader::default().file(file)?,
        None => Loader::default(),
    };
    // A variable that is not UTF-8 cannot be one of ours.
    let vars =
        std::env::vars_os().filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)));
    Ok(loader.environment(vars)?)
}

/// Lays `KEY=VALUE` pairs of `--set` over what is there.
pub fn set_all(loader: Loader, pairs: &[String]) -> anyhow::Result<Loader> {
    pairs.iter().try_fold(loader, |loader, pair| {
        let Some((path, value)) = pair.split_once('=') else {
            let text = format!("--set {pair}: write KEY=VALUE, such as --set sessions.gap=20m");
            return Err(UsageError(text).into());
        };
        Ok(loader.set(path.trim(), value.trim(), "--set")?)
    })
}
