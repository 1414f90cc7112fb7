//! Tensors that are filled with bytes in place.

use crate::error::Result;
use tch::{Device, Kind, Tensor};

/// A tensor of `length` bytes on the CPU, filled by `fill` without a copy on the way. Its memory is
/// aligned for elements of every type, so that [`Tensor::f_view_dtype`] may see it as any.
///
/// # Errors
/// No memory of that length; those of `fill`.
pub fn from_bytes(length: usize, fill: impl FnOnce(&mut [u8]) -> Result<()>) -> Result<Tensor> {
    let tensor = Tensor::f_zeros([length as i64], (Kind::Uint8, Device::Cpu))?;
    if length > 0 {
        // Safety: the tensor is new, so that nothing else sees its memory; it is contiguous, on
        // the CPU, of `length` bytes, and all of them are set.
        let bytes =
            unsafe { std::slice::from_raw_parts_mut(tensor.data_ptr().cast::<u8>(), length) };
        fill(bytes)?;
    }
    Ok(tensor)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Error;

    #[test]
    fn bytes_become_elements_of_another_type() {
        let fill = |bytes: &mut [u8]| {
            bytes.copy_from_slice(&[0, 0, 0x80, 0x3f, 0, 0, 0, 0xc0]);
            Ok(())
        };
        let floats = from_bytes(8, fill).unwrap().f_view_dtype(Kind::Float).unwrap();
        assert_eq!(floats, Tensor::from_slice(&[1f32, -2.0]));
        assert_eq!(from_bytes(0, |_| Ok(())).unwrap().size(), [0]);
        assert!(from_bytes(1, |_| Err(Error::data("no"))).is_err());
    }
}
