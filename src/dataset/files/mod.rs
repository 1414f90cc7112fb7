//! Data sets whose images are files of their own, in folders or in tar archives.

mod collection;
mod identity;
mod image_folder;
mod layout;
mod lists;
mod scan;
mod tar;
mod tree;

pub use collection::{Collection, Gathered, SPLIT, finish, params};
pub use identity::identity;
pub use image_folder::{SPLIT_FOLDERS, folders, image_folder};
pub use layout::Layout;
pub use lists::{Lines, with_labels};
pub use tar::Tar;
pub use tree::{File, Tree};
