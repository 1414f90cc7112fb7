//! Files that a script names.

use crate::lab::Lab;
use libtest_mimic::Failed;

/// A file is looked for where the script surely reads it and does not write it itself.
pub fn missing_file() -> Result<(), Failed> {
    let lab = Lab::new();
    lab.script("read.rhai", "print(\"started\");\nlet m = model::load(\"nowhere.pt\");\n");
    let ran = lab.run(&["read.rhai"]);
    let said =
        ran.err.contains("read.rhai:2:21") && ran.err.contains("load: no file \"nowhere.pt\" in");
    if !said || !ran.out.is_empty() {
        return Err(format!("not found before the run:\n{}{}", ran.out, ran.err).into());
    }
    lab.script(
        "later.rhai",
        "let paper = param(\"paper\", false, \"whether\");\n\
         if paper { model::load(\"nowhere.pt\") }\n\
         let load = || model::load(\"nowhere.pt\");\n\
         model::resnet8(#{ width: 4, size: 8 }).save(\"kept\");\n\
         print(model::load(\"kept.safetensors\"));\n",
    );
    let ran = lab.run(&["later.rhai"]);
    if ran.code != Some(0) || !ran.out.contains("resnet8: width 4") {
        return Err(format!("a false alarm:\n{}{}", ran.out, ran.err).into());
    }
    Ok(())
}
