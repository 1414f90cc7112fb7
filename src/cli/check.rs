//! `rtscript check SCRIPT...`: what is wrong with scripts, without running them.

use super::args::{Args, Check};
use super::progress::Progress;
use super::{SUCCESS, batch, bounds, context, device, fail, output};
use crate::error::Result;
use crate::script::{Options, Session};
use crate::store::Store;
use crate::sweep::Shard;
use crate::torch;
use std::path::Path;
use std::rc::Rc;

/// Checks every script and gives the exit code of the first that is wrong.
///
/// # Errors
/// A device that is not there; a script that cannot be read.
pub fn run(args: &Args, check: &Check) -> Result<u8> {
    let device = device(&args.device)?;
    torch::start(args.threads)?;
    let progress = Rc::new(Progress::new(args.checkpoint_seconds, None, true));
    let mut code = SUCCESS;
    for script in &check.scripts {
        let session = session(args, device, script, &progress)?;
        let found = one(&session, script)?;
        if code == SUCCESS {
            code = found;
        }
    }
    Ok(code)
}

/// A session that may read what `script` may, on a store that is left alone.
fn session(
    args: &Args,
    device: tch::Device,
    script: &Path,
    progress: &Rc<Progress>,
) -> Result<Session> {
    let store = args.store();
    let context = context(args, device, Store::at(&store), progress)?;
    let options = Options {
        set: args.settings()?,
        shard: Shard::WHOLE,
        out: store.join("reports"),
        bounds: bounds(args, Some(script)),
        interactive: false,
        print: Rc::new(output::stdout),
    };
    Ok(Session::new(&context, options))
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
