//! `causeway completions SHELL`.

use std::io::Write;

/// Print a completion script for a shell.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  causeway completions bash > /etc/bash_completion.d/causeway
  causeway completions zsh > \"${fpath[1]}/_causeway\"
  causeway completions fish > ~/.config/fish/completions/causeway.fish")]
pub struct Completions {
    /// The shell.
    shell: clap_complete::Shell,
}

impl Completions {
    /// Writes the script.
    pub fn run(&self, out: &mut impl Write) -> anyhow::Result<()> {
        // clap_complete panics when its writer fails, which a closed pipe does: hence the buffer.
        let mut script = Vec::new();
        clap_complete::generate(self.shell, &mut super::command(), "causeway", &mut script);
        Ok(out.write_all(&script)?)
    }
}
