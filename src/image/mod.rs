//! Pictures as files hold them: bytes of red, green and blue, before they are tensors.

mod decode;
mod raster;

pub use decode::{Undecoded, decode, decode_grey};
pub use raster::Raster;
