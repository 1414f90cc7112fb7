//! Laws of packed pictures, on a folder of small PNG files.

use super::*;
use crate::context::Monitor;
use crate::dataset::image_folder;
use crate::dataset::laws::{built_named, context};
use crate::dataset::{Build, HF_SWAP, describe, hf_swap};
use crate::error::Kind;
use crate::registry::{Entry, Value};
use crate::transform::{TRANSFORMS, Transform};
use std::cell::Cell;
use std::fs;
use std::path::Path;
use tch::Device;

/// Pictures in each of two classes, in train and in test.
const EACH: usize = 12;

fn write_picture(path: &Path, width: u32, height: u32, seed: i64) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    let mut generator = Stream::new(seed, "picture").generator();
    let pixels: Vec<u8> = (0..width * height * 3).map(|_| generator.below(256) as u8).collect();
    let mut bytes = Vec::new();
    let mut encoder = png::Encoder::new(&mut bytes, width, height);
    encoder.set_color(png::ColorType::Rgb);
    encoder.write_header().unwrap().write_image_data(&pixels).unwrap();
    fs::write(path, bytes).unwrap();
}

/// A data folder with `pets`, whose pictures have all proportions, and a session.
struct Lab {
    folder: tempfile::TempDir,
    context: Context,
    _store: tempfile::TempDir,
}

impl Lab {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        for (class, part) in ["train/a", "train/b", "test/a", "test/b"].iter().enumerate() {
            for number in 0..EACH {
                let (width, height) = (5 + 7 * number as u32, 60 - 4 * number as u32);
                let path = folder.path().join("pets").join(part).join(format!("{number:02}.png"));
                write_picture(&path, width, height, (class * 100 + number) as i64);
            }
        }
        let (context, _store) = context(Some(folder.path()));
        Self { folder, context, _store }
    }

    /// Another session on the same data, with a store of its own.
    fn elsewhere(&self) -> (Context, tempfile::TempDir) {
        context(Some(self.folder.path()))
    }

    fn data(&self, options: &[(&str, Value)]) -> Dataset {
        data(&self.context, options).unwrap()
    }
}

fn data(context: &Context, options: &[(&str, Value)]) -> Result<Dataset> {
    let options = options.iter().map(|(key, value)| ((*key).to_owned(), value.clone()));
    let entry: &'static Entry<Build> = &image_folder::ENTRY;
    let inputs = vec![Value::Text("pets".to_owned())];
    (entry.build)(context, &Args::resolve(&entry.spec, inputs, options.collect())?)
}

fn packed(context: &Context, data: &Dataset, size: i64, crop: bool) -> Result<Dataset> {
    let options =
        vec![("size".to_owned(), Value::Int(size)), ("crop".to_owned(), Value::Bool(crop))];
    pack(context, data, &Args::resolve(&PACK, vec![], options)?)
}

fn transform(name: &str, inputs: Vec<Value>, options: &[(&str, Value)]) -> Value {
    let entry = TRANSFORMS.iter().find(|entry| entry.spec.name == name).unwrap();
    let options = options.iter().map(|(key, value)| ((*key).to_owned(), value.clone()));
    let args = Args::resolve(&entry.spec, inputs, options.collect()).unwrap();
    Value::Handle(Rc::new(Transform::build(entry, &args).unwrap()))
}

/// The transforms of the papers, small.
fn transforms() -> [(&'static str, Value); 2] {
    let size = |size| [("size", Value::Float(size))];
    let crop = transform("random_resized_crop", vec![], &size(28.0));
    let flip = transform("random_flip", vec![], &[]);
    let resize = transform("resize", vec![], &size(32.0));
    let center = transform("center_crop", vec![], &size(28.0));
    let steps = |steps| transform("pipeline", vec![Value::List(steps)], &[]);
    [("train_transform", steps(vec![crop, flip])), ("test_transform", steps(vec![resize, center]))]
}

fn storage_of<T>(data: &Dataset, to: impl FnOnce(&Pack) -> T) -> T {
    match &*data.train.storage() {
        Storage::Mapped(pack) => to(pack),
        _ => panic!("not packed"),
    }
}

fn place(data: &Dataset) -> PathBuf {
    storage_of(data, |pack| pack.place.clone())
}

fn part(data: &Dataset) -> PathBuf {
    place(data).with_file_name(format!("{FILE}.part"))
}

/// The bytes of the file, built where it is not there.
fn bytes(context: &Context, data: &Dataset) -> Result<Vec<u8>> {
    storage_of(data, |pack| pack.prepare(context))?;
    Ok(fs::read(place(data)).unwrap())
}

/// Reads every picture as batches do.
fn read_all(data: &Dataset) -> Result<()> {
    [&data.train, &data.val, &data.test].into_iter().try_for_each(|split| {
        let indices: Vec<usize> = (0..split.len()).collect();
        split.batch(&indices, Device::Cpu).map(|_| ())
    })
}

/// Counts pictures; asks to stop after some, and keeps all that was done.
struct Counting {
    pictures: Cell<usize>,
    stop_every: usize,
    interrupt: crate::context::Interrupt,
}

impl Counting {
    fn watch(context: &Context, stop_every: usize) -> (Rc<Self>, Context) {
        let interrupt = context.interrupt.clone();
        let monitor = Rc::new(Self { pictures: Cell::new(0), stop_every, interrupt });
        (monitor.clone(), Context { monitor, ..context.clone() })
    }
}

impl Monitor for Counting {
    fn begin(&self, _: &str, _: u64, _: u64) {}
    fn advance(&self, _: &str) {
        self.pictures.set(self.pictures.get() + 1);
        if self.pictures.get().is_multiple_of(self.stop_every) {
            self.interrupt.request();
        }
    }
    fn end(&self) {}
    fn checkpoint_due(&self) -> bool {
        true
    }
    fn warn(&self, _: &str) {}
}

#[test]
fn resize_and_crop_of_a_packed_picture_are_those_of_the_file() {
    let lab = Lab::new();
    let plain = lab.data(&transforms());
    let packed = packed(&lab.context, &plain, 32, false).unwrap();
    assert_eq!(packed.shape(), [3, 28, 28]);
    for (ours, theirs) in [(&packed.train, &plain.train), (&packed.test, &plain.test)] {
        let indices: Vec<usize> = (0..ours.len()).collect();
        let ours = ours.batch(&indices, Device::Cpu).unwrap();
        let theirs = theirs.batch(&indices, Device::Cpu).unwrap();
        assert_eq!((&ours.ids, &ours.y), (&theirs.ids, &theirs.y));
        assert_eq!(ours.x, theirs.x);
    }
    assert!(place(&packed).exists());
}

#[test]
fn a_picture_is_the_same_before_and_after_the_file_is_built() {
    let lab = Lab::new();
    for crop in [false, true] {
        let make = || packed(&lab.context, &lab.data(&transforms()), 20, crop).unwrap();
        let (built, waiting) = (make(), make());
        bytes(&lab.context, &built).unwrap();
        let ids = built.train.ids();
        let stream = Stream::new(3, "transform").at(1);
        let (view, stream) = built.train.view(Some(stream)).unwrap().unwrap();
        let seen = view.images(&ids, stream, 1).unwrap();
        assert_eq!(view.images(&ids, stream, 5).unwrap(), seen);
        let mut longest = 0;
        for index in 0..built.train.len() {
            let raster = built.train.raster(index).unwrap();
            assert_eq!(raster, waiting.train.raster(index).unwrap());
            assert_eq!(raster.width().min(raster.height()), 20);
            longest = longest.max(raster.width().max(raster.height()));
        }
        assert_eq!(longest == 20, crop, "{longest}");
        assert!(storage_of(&waiting, |pack| pack.mapped.get().is_none()));
    }
}

#[test]
fn threads_and_interrupts_change_no_byte_and_no_picture_is_made_twice() {
    let lab = Lab::new();
    let plain = lab.data(&[]);
    let whole = bytes(&lab.context, &packed(&lab.context, &plain, 16, false).unwrap()).unwrap();
    for threads in [1, 2] {
        let (context, _store) = lab.elsewhere();
        let (counting, context) = Counting::watch(&context, 5);
        let packed = packed(&context, &plain, 16, false).unwrap();
        let mut stops = 0;
        while let Err(error) = storage_of(&packed, |pack| build::build(&context, pack, threads)) {
            assert_eq!(error.kind(), Kind::Interrupted, "{error}");
            context.interrupt.clear();
            stops += 1;
        }
        assert!(stops >= 1, "never interrupted");
        assert_eq!(counting.pictures.get(), 4 * EACH);
        assert_eq!(bytes(&context, &packed).unwrap(), whole);
        assert!(!part(&packed).exists());
    }
}

#[test]
fn a_file_that_was_cut_or_holds_garbage_goes_on() {
    let lab = Lab::new();
    let plain = lab.data(&[]);
    let make = |context| packed(context, &plain, 16, false).unwrap();
    let (counting, context) = Counting::watch(&lab.context, 32);
    let begun = make(&context);
    storage_of(&begun, |pack| build::build(&context, pack, 1)).unwrap_err();
    context.interrupt.clear();
    assert_eq!(counting.pictures.get(), 32);
    let part = part(&begun);
    let begun = fs::read(&part).unwrap();
    let whole = bytes(&lab.context, &make(&lab.context)).unwrap();
    let place = place(&make(&lab.context));
    for cut in (0..=begun.len()).step_by(2711) {
        for tail in [&[][..], &[7; 5000]] {
            fs::remove_file(&place).unwrap();
            fs::write(&part, [&begun[..cut], tail].concat()).unwrap();
            let data = make(&lab.context);
            let found = bytes(&lab.context, &data).unwrap();
            // Garbage where the index promises pixels, which no crash leaves, is told when read.
            match found == whole {
                true => read_all(&data).unwrap(),
                false => assert!(!tail.is_empty() && read_all(&data).is_err(), "cut at {cut}"),
            }
        }
    }
}

#[test]
fn datasets_of_the_same_pictures_share_a_file_that_is_built_once() {
    let lab = Lab::new();
    let (counting, context) = Counting::watch(&lab.context, 0);
    let of = |options: &[(&str, Value)], size, crop| {
        packed(&context, &lab.data(options), size, crop).unwrap()
    };
    let first = of(&[], 16, false);
    let read = |data: &Dataset| data.train.batch(&[0], Device::Cpu).unwrap();
    assert!(!place(&first).exists(), "built before a pixel is wanted");
    describe(&first).unwrap();
    assert!(!place(&first).exists(), "built to be described");
    read(&first);
    assert_eq!(counting.pictures.get(), 4 * EACH);
    let same = [
        of(&[], 16, false),
        of(&[("size", Value::Int(8))], 16, false),
        of(&[("name", Value::Text("x".to_owned())), ("seed", Value::Int(3))], 16, false),
        of(&[("val", Value::Float(0.5))], 16, false),
        of(&transforms(), 16, false),
    ];
    for data in &same {
        read(data);
        assert_eq!(place(data), place(&first));
    }
    assert_eq!(counting.pictures.get(), 4 * EACH, "built again");
    let other = [
        of(&[], 17, false),
        of(&[], 16, true),
        of(&[("limit", Value::Int(20))], 16, false),
        of(&[("classes", Value::Ints(vec![1]))], 16, false),
    ];
    assert!(other.iter().all(|data| place(data) != place(&first)));
}

#[test]
fn splits_have_addresses_of_their_own_that_no_machine_changes() {
    let (here, there) = (Lab::new(), Lab::new());
    let addresses = |data: &Dataset| {
        [&data.train, &data.val, &data.test].map(|split| split.lineage().address().clone())
    };
    let plain = here.data(&transforms());
    let ours = packed(&here.context, &plain, 16, false).unwrap();
    let theirs = packed(&there.context, &there.data(&transforms()), 16, false).unwrap();
    assert_eq!(addresses(&ours), addresses(&theirs));
    assert_eq!(ours.lineage().address(), theirs.lineage().address());
    for other in [plain.clone(), packed(&here.context, &plain, 16, true).unwrap()] {
        assert_ne!(ours.lineage().address(), other.lineage().address());
        for (a, b) in addresses(&ours).iter().zip(addresses(&other)) {
            assert_ne!(*a, b);
        }
        assert!(ours.train.merged(&other.val).is_err(), "pixels of two kinds");
    }
    assert!(ours.train.merged(&ours.val).is_ok());
    let limited = here.data(&[("test_limit", Value::Int(4))]);
    let limited = packed(&here.context, &limited, 16, false).unwrap();
    let all = packed(&here.context, &here.data(&[]), 16, false).unwrap();
    assert_eq!(addresses(&limited)[0], addresses(&all)[0], "test bears on train");
}

#[test]
fn damage_names_the_file_and_what_to_do() {
    let lab = Lab::new();
    let plain = lab.data(&[("limit", Value::Int(6)), ("test_limit", Value::Int(2))]);
    let make = || packed(&lab.context, &plain, 8, false).unwrap();
    let good = bytes(&lab.context, &make()).unwrap();
    let path = place(&make());
    let check = |bad: &[u8], what: &str| {
        fs::remove_file(&path).unwrap();
        fs::write(&path, bad).unwrap();
        let error = read_all(&make()).err().unwrap_or_else(|| panic!("{what} was not seen"));
        assert_eq!(error.kind(), Kind::Data, "{what}");
        assert!(error.to_string().contains(&*path.to_string_lossy()), "{what}: {error}");
        assert!(error.hints()[0].starts_with("delete it and run again"), "{what}: {error}");
        error.to_string()
    };
    for at in (0..good.len()).step_by(11) {
        let mut flipped = good.clone();
        flipped[at] ^= 1 << (at % 8);
        check(&flipped, &format!("flip at {at}"));
        check(&good[..at], &format!("cut at {at}"));
    }
    check(&[&*good, b"x"].concat(), "a byte more");
    let said = check(b"GIF89a", "a GIF");
    assert!(said.contains("no file of packed pictures"), "{said}");
    let other = packed(&lab.context, &plain, 9, false).unwrap();
    let said = check(&bytes(&lab.context, &other).unwrap(), "another size");
    assert!(said.contains("expected size 8, found 9"), "{said}");
    fs::remove_file(&path).unwrap();
    assert_eq!(bytes(&lab.context, &make()).unwrap(), good);
}

#[test]
fn a_damaged_picture_ends_the_work_with_its_path_and_can_be_left_out() {
    let lab = Lab::new();
    let bad = lab.folder.path().join("pets/train/b/03.png");
    fs::write(&bad, "no picture").unwrap();
    let ended = packed(&lab.context, &lab.data(&[]), 16, false).unwrap();
    let error = ended.train.batch(&[0], Device::Cpu).unwrap_err();
    assert_eq!(error.kind(), Kind::Data);
    assert!(error.to_string().contains("b/03.png"), "{error}");
    let skipping = lab.data(&[("skip_bad", Value::Int(1))]);
    let without = packed(&lab.context, &skipping, 16, false).unwrap();
    without.train.batch(&[0], Device::Cpu).unwrap();
    assert_eq!(without.train.len() + without.val.len(), 2 * EACH - 1);
    let notes = describe(&without).unwrap().notes.join("\n");
    assert!(notes.contains("pictures are packed: resize(16)"), "{notes}");
}

#[test]
fn what_cannot_be_packed_is_refused_with_a_hint() {
    let lab = Lab::new();
    let digits = built_named("digits", &[]).unwrap();
    let error = packed(&lab.context, &digits, 16, false).unwrap_err();
    assert!(error.to_string().contains("which are held in memory"), "{error}");
    let once = packed(&lab.context, &lab.data(&[]), 16, true).unwrap();
    let error = packed(&lab.context, &once, 8, false).unwrap_err();
    assert!(error.to_string().contains("found packed ones (resize(16) > center_crop"), "{error}");
    assert_eq!(error.hints().len(), 1);
    for size in [0, 5000] {
        let error = packed(&lab.context, &once, size, false).unwrap_err();
        assert_eq!(error.key(), Some("size"), "{error}");
    }
}

#[test]
fn packed_images_swap_their_frequencies_as_others_do_and_are_packed_first() {
    let lab = Lab::new();
    let whole = lab.data(&transforms());
    let args = Args::resolve(&HF_SWAP, vec![], vec![("cutoff".to_owned(), Value::Float(0.2))]);
    let args = args.unwrap();
    let swapped = hf_swap(&whole, &args).unwrap();
    let before = hf_swap(&packed(&lab.context, &whole, 32, false).unwrap(), &args).unwrap();
    let all = |data: &Dataset| data.test.batch(&[0, 5, 9], Device::Cpu).unwrap().x;
    assert_eq!(all(&before), all(&swapped));
    assert_ne!(all(&swapped), all(&whole));
    let error = packed(&lab.context, &swapped, 32, false).unwrap_err();
    assert!(error.hints().iter().any(|hint| hint.contains("pack first")), "{error}");
}
