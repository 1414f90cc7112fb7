//! Tensors that scripts hold, and checks where tensors enter an operation: shape, kind, range,
//! labels.
//!
//! Messages leave out the operation; callers add it with [`Error::within`].

use crate::error::{Error, Result};
use crate::lineage::{Lineage, sha256_hex};
use crate::registry::Handle;
use serde_json::Value as Json;
use std::any::Any;
use std::collections::BTreeMap;
use std::rc::Rc;
use tch::{Device, Kind, Tensor};

/// A tensor that never changes; copies name the same values. Its address is the hash of its
/// content: nothing else is known of what a script computed.
#[derive(Debug, Clone)]
pub struct Constant(Rc<Tensor>);

impl Constant {
    /// Takes over a tensor that nothing else writes to.
    pub fn new(tensor: Tensor) -> Self {
        Self(Rc::new(tensor))
    }

    /// The tensor.
    pub fn tensor(&self) -> &Tensor {
        &self.0
    }

    fn content_hash(&self) -> Result<String> {
        let values = self.0.f_to_device(Device::Cpu)?.f_contiguous()?;
        let mut content = vec![0; bytes(&values)];
        values.f_copy_data_u8(&mut content, values.numel())?;
        Ok(sha256_hex(&content))
    }
}

impl Handle for Constant {
    fn kind(&self) -> &'static str {
        "tensor"
    }

    fn lineage(&self) -> Rc<Lineage> {
        // What cannot be read is equal to itself only.
        let unread = |error| format!("{error} at {:p}", self.0.data_ptr());
        let content = BTreeMap::from([
            ("content".to_owned(), Json::from(self.content_hash().unwrap_or_else(unread))),
            ("shape".to_owned(), Json::from(self.0.size())),
            ("type".to_owned(), Json::from(kind_name(self.0.kind()))),
        ]);
        Lineage::new("tensor", 1, content, BTreeMap::new())
    }

    /// Shape, type, device, range and the number of elements that are no numbers.
    fn summary(&self) -> String {
        let tensor = &self.0;
        let device = match tensor.device() {
            Device::Cuda(index) => format!("cuda:{index}"),
            _ => "cpu".to_owned(),
        };
        let facts = || -> Result<String> {
            let nan = tensor.f_isnan()?.f_sum(Kind::Int64)?.f_int64_value(&[])?;
            Ok(format!(
                "min {:.4} mean {:.4} max {:.4} nan {nan}",
                tensor.f_min()?.f_double_value(&[])?,
                tensor.f_mean(Kind::Double)?.f_double_value(&[])?,
                tensor.f_max()?.f_double_value(&[])?
            ))
        };
        let facts = facts().unwrap_or_else(|_| "empty".to_owned());
        format!("tensor {:?} {} {device}: {facts}", tensor.size(), kind_name(tensor.kind()))
    }

    fn bytes(&self) -> usize {
        bytes(&self.0)
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}

/// The bytes of a tensor's elements.
pub fn bytes(tensor: &Tensor) -> usize {
    tensor.numel() * tensor.kind().elt_size_in_bytes()
}

/// The name of an element type in PyTorch's short form: `f32`, `i64`, `bool`.
pub fn kind_name(kind: Kind) -> &'static str {
    match kind {
        Kind::Float => "f32",
        Kind::Double => "f64",
        Kind::Half => "f16",
        Kind::BFloat16 => "bf16",
        Kind::Int64 => "i64",
        Kind::Int => "i32",
        Kind::Int16 => "i16",
        Kind::Int8 => "i8",
        Kind::Uint8 => "u8",
        Kind::Bool => "bool",
        _ => "other",
    }
}

/// The most elements of a tensor that a script makes: 256 MiB in f32.
pub const MOST_ELEMENTS: i64 = 1 << 26;

/// The number of elements of `shape`.
///
/// # Errors
/// Usage: a negative size, more than eight dimensions, or more than [`MOST_ELEMENTS`].
pub fn elements(shape: &[i64]) -> Result<i64> {
    if shape.iter().any(|size| *size < 0) {
        return Err(Error::usage(format!("sizes must be >= 0, found {shape:?}")));
    }
    if shape.len() > 8 {
        let found = shape.len();
        return Err(Error::usage(format!("expected at most 8 dimensions, found {found}")));
    }
    let count = shape.iter().try_fold(1_i64, |count, size| count.checked_mul(*size));
    count.filter(|count| *count <= MOST_ELEMENTS).ok_or_else(|| {
        Error::usage(format!("expected at most {MOST_ELEMENTS} elements, found shape {shape:?}"))
    })
}

/// The shape of an operation on tensors of the shapes `a` and `b`, if they go together.
pub fn broadcast(a: &[i64], b: &[i64]) -> Vec<i64> {
    let from_the_end = |shape: &[i64], index: usize| {
        shape.len().checked_sub(index).map_or(1, |place| shape[place])
    };
    let rank = a.len().max(b.len());
    let larger = |index| match (from_the_end(a, index), from_the_end(b, index)) {
        (1, size) | (size, _) => size,
    };
    (1..=rank).rev().map(larger).collect()
}

/// The shape of `images` if it is an f32 batch `[B, C, H, W]`.
///
/// # Errors
/// Data: another kind or another number of dimensions.
pub fn image_batch(images: &Tensor) -> Result<[i64; 4]> {
    let kind = images.f_kind()?;
    match (kind, images.size().as_slice()) {
        (Kind::Float, &[b, c, h, w]) => Ok([b, c, h, w]),
        (_, found) => Err(Error::data(format!(
            "expected images as f32 [batch, channels, height, width], found {kind:?} {found:?}"
        ))),
    }
}

/// Checks that `tensor` has the shape `expected`, where -1 stands for any length.
///
/// # Errors
/// Data, with both shapes; `what` names the tensor.
pub fn expect_shape(what: &str, tensor: &Tensor, expected: &[i64]) -> Result<()> {
    let found = tensor.size();
    let fits = found.len() == expected.len()
        && found.iter().zip(expected).all(|(found, wanted)| *wanted == -1 || found == wanted);
    if fits {
        return Ok(());
    }
    let wanted: Vec<String> = expected
        .iter()
        .map(|length| if *length == -1 { "any".to_owned() } else { length.to_string() })
        .collect();
    Err(Error::data(format!("{what}: expected shape [{}], found {found:?}", wanted.join(", "))))
}

/// Checks that no element is NaN or infinite; this waits for the device.
///
/// # Errors
/// Data, with the number of elements at fault; `what` names the tensor.
pub fn expect_finite(what: &str, tensor: &Tensor) -> Result<()> {
    let _guard = tch::no_grad_guard();
    let bad = tensor.f_isfinite()?.f_logical_not()?.f_sum(Kind::Int64)?.f_int64_value(&[])?;
    match bad {
        0 => Ok(()),
        _ => Err(Error::data(format!(
            "{what}: expected finite numbers, found {bad} of {} that are NaN or infinite",
            tensor.numel()
        ))),
    }
}

/// Checks that every element lies in [0, 1], as pixels do; this waits for the device.
///
/// # Errors
/// Data, with the range found; NaN is refused too.
pub fn expect_pixels(what: &str, images: &Tensor) -> Result<()> {
    expect_finite(what, images)?;
    if images.numel() == 0 {
        return Ok(());
    }
    let _guard = tch::no_grad_guard();
    let low = images.f_min()?.f_double_value(&[])?;
    let high = images.f_max()?.f_double_value(&[])?;
    if low >= 0.0 && high <= 1.0 {
        return Ok(());
    }
    Err(Error::data(format!("{what}: expected pixels from 0 to 1, found {low} to {high}")))
}

/// Checks that `labels` are `batch` i64 numbers in `0..classes`; this waits for the device.
///
/// # Errors
/// Data: another kind, shape or a label out of range.
pub fn expect_labels(labels: &Tensor, batch: i64, classes: i64) -> Result<()> {
    let kind = labels.f_kind()?;
    if kind != Kind::Int64 {
        return Err(Error::data(format!("labels: expected i64, found {kind:?}")));
    }
    expect_shape("labels", labels, &[batch])?;
    if batch == 0 {
        return Ok(());
    }
    for found in [labels.f_min()?.f_int64_value(&[])?, labels.f_max()?.f_int64_value(&[])?] {
        if !(0..classes).contains(&found) {
            return Err(Error::data(format!(
                "labels: expected 0 to {}, found {found}",
                classes - 1
            )));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(result: Result<()>) -> String {
        result.unwrap_err().to_string()
    }

    #[test]
    fn the_address_of_a_constant_is_that_of_its_values_type_and_shape() {
        let address = |tensor: Tensor| Constant::new(tensor).lineage().address().clone();
        let values = || Tensor::from_slice(&[0.0f32, 1.0, 2.0, 3.0]);
        let rows = values().view([2, 2]);
        let columns = Tensor::from_slice(&[0.0f32, 2.0, 1.0, 3.0]).view([2, 2]).tr();
        assert!(!columns.is_contiguous());
        assert_eq!(address(rows.copy()), address(columns));
        assert_ne!(address(rows), address(values()));
        assert_ne!(address(values()), address(values() + 1e-6));
        let zeros = |kind| address(Tensor::zeros([4], (kind, Device::Cpu)));
        assert_ne!(zeros(Kind::Float), zeros(Kind::Int));
    }

    #[test]
    fn elements_are_counted_without_overflow() {
        assert_eq!(elements(&[]).unwrap(), 1);
        assert_eq!(elements(&[3, 0, i64::MAX]).unwrap(), 0);
        assert_eq!(elements(&[1 << 13, 1 << 13]).unwrap(), MOST_ELEMENTS);
        for shape in [&[1 << 13, 1 << 14][..], &[i64::MAX, i64::MAX], &[1, -1], &[1; 9]] {
            assert!(elements(shape).is_err(), "{shape:?}");
        }
    }

    #[test]
    fn broadcasting_is_that_of_libtorch() {
        for (a, b) in [(&[2, 1][..], &[3][..]), (&[4, 1, 5], &[3, 1]), (&[], &[2]), (&[1], &[0])] {
            let zeros = |shape| Tensor::zeros(shape, (Kind::Float, Device::Cpu));
            assert_eq!(broadcast(a, b), (zeros(a) + zeros(b)).size());
        }
    }

    #[test]
    fn an_image_batch_is_f32_with_four_dimensions() {
        let images = Tensor::zeros([2, 1, 3, 4], (Kind::Float, Device::Cpu));
        assert_eq!(image_batch(&images).unwrap(), [2, 1, 3, 4]);
        assert!(image_batch(&images.to_kind(Kind::Double)).is_err());
        assert!(image_batch(&images.get(0)).is_err());
    }

    #[test]
    fn a_shape_may_leave_lengths_open() {
        let tensor = Tensor::zeros([5, 3], (Kind::Float, Device::Cpu));
        expect_shape("weights", &tensor, &[-1, 3]).unwrap();
        assert_eq!(
            said(expect_shape("weights", &tensor, &[-1, 4])),
            "weights: expected shape [any, 4], found [5, 3]"
        );
        assert!(expect_shape("weights", &tensor, &[5]).is_err());
    }

    #[test]
    fn nan_and_infinity_are_counted() {
        let tensor = Tensor::from_slice(&[0.0f32, f32::NAN, f32::INFINITY]);
        assert_eq!(
            said(expect_finite("loss", &tensor)),
            "loss: expected finite numbers, found 2 of 3 that are NaN or infinite"
        );
    }

    #[test]
    fn pixels_are_closed_at_both_ends() {
        expect_pixels("images", &Tensor::from_slice(&[0.0f32, 1.0])).unwrap();
        assert!(expect_pixels("images", &Tensor::from_slice(&[0.0f32, 1.0 + 1e-6])).is_err());
        assert!(expect_pixels("images", &Tensor::from_slice(&[-1e-9f32])).is_err());
        assert!(expect_pixels("images", &Tensor::from_slice(&[f32::NAN])).is_err());
    }

    #[test]
    fn labels_stay_below_the_class_count() {
        let labels = Tensor::from_slice(&[0i64, 2]);
        expect_labels(&labels, 2, 3).unwrap();
        assert_eq!(said(expect_labels(&labels, 2, 2)), "labels: expected 0 to 1, found 2");
        assert!(expect_labels(&labels, 3, 3).is_err());
        assert!(expect_labels(&labels.to_kind(Kind::Int), 2, 3).is_err());
    }
}
