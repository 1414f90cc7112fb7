//! `rtscript inspect FILE...`: what is in checkpoints.

use super::args::Inspect;
use super::{SUCCESS, fail, output};
use crate::checkpoint::{self, Style};
use crate::script::Diagnostic;

/// The columns of a report that goes to no terminal.
const WIDTH: usize = 100;
/// The least and the most columns that a report uses.
const LEAST: usize = 60;
const MOST: usize = 140;

/// Reports on every file and gives the exit code of the first that cannot be read.
pub fn run(inspect: &Inspect) -> u8 {
    let width = output::columns().unwrap_or(WIDTH).clamp(LEAST, MOST);
    let style = Style { width, all: inspect.all };
    let mut code = SUCCESS;
    for (index, path) in inspect.files.iter().enumerate() {
        let report = checkpoint::open(path).and_then(|file| checkpoint::listing(&file, style));
        if index > 0 {
            output::stdout(" ");
        }
        match report {
            Ok(report) => output::stdout(&report),
            Err(error) => {
                let found = fail(&Diagnostic::plain(&error));
                code = if code == SUCCESS { found } else { code };
            }
        }
    }
    code
}
