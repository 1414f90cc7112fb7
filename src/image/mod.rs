//! Pictures as files hold them: bytes of red, green and blue, before they are tensors.

mod raster;

pub use raster::Raster;
