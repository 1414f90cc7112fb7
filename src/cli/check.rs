//! `rtscript check SCRIPT...`: what is wrong with scripts, without running them.

use super::args::{Args, Check};
use super::progress::Progress;
use super::{SUCCESS, batch, fail, idle, output};
use crate::error::Result;
use crate::script::Session;
use std::path::Path;
use std::rc::Rc;

/// Checks every script and gives the exit code of the first that is wrong.
///
/// # Errors
/// A device that is not there; a script that cannot be read.
pub fn run(args: &Args, check: &Check) -> Result<u8> {
    let progress = Rc::new(Progress::new(args.checkpoint_seconds, None, true));
    let mut code = SUCCESS;
    for script in &check.scripts {
        let session = idle(args, Some(script), &progress)?;
        let found = one(&session, script)?;
        if code == SUCCESS {
            code = found;
        }
    }
    Ok(code)
}

fn one(session: &Session, script: &Path) -> Result<u8> {
    let name = script.display().to_string();
    let source = batch::read(script)?;
    Ok(match session.check(&name, &source) {
        Ok(warnings) => {
            for warning in warnings {
                output::stderr(&warning.text);
            }
            output::stdout(&format!("{name}: ok"));
            SUCCESS
        }
        Err(diagnostic) => fail(&diagnostic),
    })
}
