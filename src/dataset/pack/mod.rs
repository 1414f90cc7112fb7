//! Pictures that were resized once, in one memory-mapped file: `data.pack(#{...})`.
//!
//! The file is built when pixels are first wanted, so that a study whose results are all there
//! needs none. Until then, and for sizes, a picture is made from its source: the same bytes.

mod build;
mod header;
mod mapped;
#[cfg(test)]
mod laws;

use super::files::File;
use super::split::Dataset;
use super::storage::{Storage, decoded};
use crate::context::Context;
use crate::error::{Error, Result};
use crate::image::Raster;
use crate::lineage::{Lineage, sha256_hex};
use crate::registry::{Args, Example, Handle, Home, Param, Spec};
use crate::seed::Stream;
use crate::torch;
use crate::transform::{Frame, Pipeline, shortened, squared};
use header::Header;
use mapped::Mapped;
use serde_json::Value as Json;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::rc::Rc;
use std::sync::{Arc, OnceLock};

/// `data.pack(#{...})`.
pub const PACK: Spec = Spec {
    name: "pack",
    home: Home::Method("dataset"),
    doc: "The dataset with its pictures resized once, from then on read from one file.\n\nThat is \
          many times as fast as from JPEG. The shorter side gets `size` pixels \
          (bilinear, antialiased, also where it is shorter), the longer is in proportion; the \
          dataset's transforms and its `size` then work on these pictures. So resize(256) and a \
          crop give the bytes that they give without; a random resized crop sees fewer pixels. The \
          file is built when pixels are first wanted and goes on where it was interrupted; \
          datasets of the same pictures share it. It lies in the store and may be deleted. For \
          datasets whose pictures are files.",
    inputs: &[],
    params: &[
        Param::int("size", 256, 1, "The shorter side in pixels.").up_to(4096.0),
        Param::bool("crop", false, "Whether only the square in the middle is kept."),
    ],
    returns: "dataset",
    example: Example {
        code: "let images = 8;\n\
               try { images = dataset::image_folder(\"pets\").pack(#{ size: 256 }).train.len; }\n\
               catch { print(\"image_folder needs --data DIR\"); }\n\
               images > 0",
        shows: "true",
    },
    cite: "",
    version: 1,
};

/// Raised with the layout of the file; other pixels raise the version of [`PACK`].
const VERSION: u32 = 1;
/// The name of the file in the store.
const FILE: &str = "pictures.pack";

/// The packed pictures of some ids. They can be read on any thread.
pub struct Pack {
    what: String,
    source: Arc<[File]>,
    /// Ascending; the place of an id is that of its picture in the file.
    ids: Vec<u64>,
    shrink: Pipeline,
    header: Header,
    place: PathBuf,
    mapped: OnceLock<Mapped>,
}

/// The dataset with packed pictures; see [`PACK`]. Reads and writes nothing yet.
///
/// # Errors
/// Usage: pictures that are no files.
pub fn pack(context: &Context, data: &Dataset, args: &Args) -> Result<Dataset> {
    let name = args.spec().name;
    let storage = data.train.storage();
    let source = match &*storage {
        Storage::Files { files, .. } => files.clone(),
        Storage::Packed(_) => {
            return Err(Error::usage(format!(
                "{name}: expected pictures in files, found those of {}, which are held in memory",
                data.name()
            ))
            .hint("leave pack out: they are not decoded again"));
        }
        Storage::Mapped(pack) => {
            return Err(Error::usage(format!(
                "{name}: expected pictures in files, found packed ones ({})",
                pack.shrinking()
            ))
            .hint("pack the dataset that they were packed from"));
        }
    };
    if data.pixels().swap().is_some() {
        return Err(Error::usage(format!(
            "{name}: expected images of their own, found {}",
            data.name()
        ))
        .hint("pack first: data.pack(#{ ... }).hf_swap(#{ ... })"));
    }
    let (size, crop) = (args.int("size")?, args.bool("crop")?);
    let mut ids = [&data.train, &data.val, &data.test].map(|split| split.ids()).concat();
    ids.sort_unstable();
    let pictures = lines(&source, &ids)?;
    let identity = data.lineage().options().get("source").cloned();
    let identity =
        identity.ok_or_else(|| Error::internal(format!("{name}: files without identity")))?;
    let options = BTreeMap::from([
        ("source".to_owned(), identity),
        ("pictures".to_owned(), sha256_hex(pictures.as_bytes()).into()),
        ("size".to_owned(), size.into()),
        ("crop".to_owned(), crop.into()),
        ("pixels".to_owned(), PACK.version.into()),
    ]);
    let file = Lineage::new("dataset.pack file", VERSION, options, BTreeMap::new());
    let address = file.address().clone();
    let place = context.store.large_file(&address, FILE)?;
    let pack = Pack {
        what: data.name().to_owned(),
        source,
        shrink: if crop { squared(size)? } else { shortened(size)? },
        header: Header { address, size, crop, images: ids.len() },
        ids,
        place,
        mapped: OnceLock::new(),
    };
    let pixels = data.pixels().packed(Storage::Mapped(pack), context)?;
    let derived = |from: &Rc<Lineage>| {
        let options: BTreeMap<String, Json> =
            BTreeMap::from([("size".to_owned(), size.into()), ("crop".to_owned(), crop.into())]);
        let inputs = BTreeMap::from([("data".to_owned(), from.clone())]);
        Lineage::new("dataset.pack", PACK.version, options, inputs)
    };
    Ok(data.with_pixels(pixels, derived))
}

/// A line for each picture, its id and its path in the data set: with the identity of the files it
/// says what each place in the pack holds.
fn lines(source: &[File], ids: &[u64]) -> Result<String> {
    let line = |id: &u64| {
        let file = usize::try_from(*id).ok().and_then(|id| source.get(id));
        let file = file.ok_or_else(|| Error::internal(format!("no image has the id {id}")))?;
        Ok(format!("{id}\t{}\n", file.path))
    };
    ids.iter().map(line).collect()
}

impl Pack {
    /// Opens the file, and builds it first where it is not there.
    ///
    /// # Errors
    /// Data: a damaged file, or a picture that cannot be decoded. Io: a full disk, for example.
    /// Interrupted; Busy, as [`Context::claim`]: what was built is kept.
    pub fn prepare(&self, context: &Context) -> Result<()> {
        if self.mapped.get().is_some() {
            return Ok(());
        }
        let opened = match Mapped::open(&self.place, &self.header)? {
            Some(mapped) => mapped,
            None => {
                build::build(context, self, torch::threads())?;
                let opened = Mapped::open(&self.place, &self.header)?;
                opened.ok_or_else(|| {
                    Error::data(format!("pack: {} was deleted at once", self.place.display()))
                })?
            }
        };
        // Another call may have opened it, to the same bytes.
        let _ = self.mapped.set(opened);
        Ok(())
    }

    /// The picture of an id.
    ///
    /// # Errors
    /// Data: the file, or that of the picture, is damaged. Internal: an unknown id.
    pub fn frame(&self, id: u64) -> Result<Frame<'_>> {
        match self.mapped.get() {
            Some(mapped) => {
                let row = self.ids.binary_search(&id);
                mapped.frame(row.map_err(|_| Error::internal(format!("no image has the id {id}")))?)
            }
            None => self.shrunk(id).map(Frame::from),
        }
    }

    /// The picture of an id, made from its source.
    fn shrunk(&self, id: u64) -> Result<Raster> {
        let picture = decoded(&self.source, id)?;
        let shrunk = self.shrink.raster(Frame::from(picture), Stream::new(0, "pack"));
        shrunk.map_err(|error| match self.path_of(id) {
            Some(path) => error.within(path.to_owned()),
            None => error,
        })
    }

    /// Where the source of a picture is.
    pub fn path_of(&self, id: u64) -> Option<&str> {
        self.source.get(usize::try_from(id).ok()?).map(|file| file.path.as_str())
    }

    /// What was done to the pictures.
    pub fn shrinking(&self) -> &Pipeline {
        &self.shrink
    }
}
