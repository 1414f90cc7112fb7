//! Pictures in a folder for each class, as torchvision's `ImageFolder` reads them.

use super::collection::Gathered;
use super::tree::{File, Tree};
use crate::error::{Error, Result};

/// The names that the folder of test pictures may have.
pub const SPLIT_FOLDERS: [&str; 3] = ["test", "val", "valid"];

/// `train/CLASS/...` and the first of the `tests` folders that is there; classes are sorted by
/// the bytes of their names.
///
/// # Errors
/// Data: a class without pictures, or one in test that train lacks.
pub fn image_folder(tree: &Tree, train: &str, tests: &[&str]) -> Result<Gathered> {
    let Some(test) = tests.iter().find(|test| tree.has(test)) else {
        let names = tests.join(" or ");
        return Err(Error::data(format!(
            "{}: expected the folder {names}, found none",
            tree.place()
        )));
    };
    let classes = tree.folders(train)?;
    for class in tree.folders(test)? {
        if classes.binary_search(&class).is_err() {
            return Err(Error::data(format!(
                "{}: expected the classes of {train}, found {test}/{class}",
                tree.place()
            )));
        }
    }
    Ok(Gathered {
        train: folders(tree, train, &classes)?,
        test: folders(tree, test, &classes)?,
        classes,
    })
}

/// The pictures of the classes, sorted, which are folders in `folder`.
///
/// # Errors
/// Data: a class without pictures.
pub fn folders(tree: &Tree, folder: &str, classes: &[String]) -> Result<Vec<(File, usize)>> {
    let start = if folder.is_empty() { 0 } else { folder.len() + 1 };
    let labelled = |file: File| {
        let (class, _) = file.path.get(start..)?.split_once('/')?;
        let label = classes.binary_search_by(|known| known.as_str().cmp(class)).ok()?;
        Some((file, label))
    };
    let pictures = tree.below(folder)?.into_iter().filter(File::is_picture);
    let found: Vec<(File, usize)> = pictures.filter_map(labelled).collect();
    let mut counts = vec![0; classes.len()];
    found.iter().for_each(|(_, label)| counts[*label] += 1);
    match counts.iter().position(|count| *count == 0) {
        Some(label) => {
            let class = &classes[label];
            let place = format!("{}: {folder}/{class}", tree.place());
            Err(Error::data(format!("{place}: expected pictures of the class, found none")))
        }
        None => Ok(found),
    }
}
