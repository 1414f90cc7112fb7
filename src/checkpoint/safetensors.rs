//! Weights as bytes in the safetensors format; files are the store's business.

use crate::error::{Error, Result};
use safetensors::tensor::{Dtype, SafeTensors, TensorView};
use std::collections::{BTreeMap, HashMap};
use tch::{Device, Kind, Tensor, no_grad_guard};

const TYPES: [(Kind, Dtype); 4] = [
    (Kind::Float, Dtype::F32),
    (Kind::Double, Dtype::F64),
    (Kind::Int64, Dtype::I64),
    (Kind::Uint8, Dtype::U8),
];

/// Named tensors (f32, f64, i64 or u8, any device) as the bytes of a safetensors file.
///
/// # Errors
/// A name is given twice, or a tensor has another type.
pub fn encode(state: &[(String, Tensor)]) -> Result<Vec<u8>> {
    encode_with(state, None)
}

/// As [`encode`], with one key and text in the metadata of the file.
///
/// # Errors
/// As [`encode`].
pub fn encode_with(
    state: &[(String, Tensor)],
    metadata: Option<(String, String)>,
) -> Result<Vec<u8>> {
    let _guard = no_grad_guard();
    let mut parts = BTreeMap::new();
    for (name, tensor) in state {
        let kind = tensor.f_kind()?;
        let Some((_, dtype)) = TYPES.iter().find(|(known, _)| *known == kind) else {
            let found = format!("{name} has type {kind:?}");
            return Err(Error::internal(format!("weights: expected f32, f64, i64 or u8, {found}")));
        };
        let tensor = tensor.f_to_device(Device::Cpu)?.f_contiguous()?;
        let mut bytes = vec![0; tensor.numel() * kind.elt_size_in_bytes()];
        tensor.f_copy_data_u8(&mut bytes, tensor.numel())?;
        let shape: Vec<usize> = tensor.size().iter().map(|&size| size as usize).collect();
        if parts.insert(name.as_str(), (*dtype, shape, bytes)).is_some() {
            return Err(Error::internal(format!("weights: {name} is given twice")));
        }
    }
    let views = parts
        .iter()
        .map(|(name, (dtype, shape, bytes))| {
            Ok((*name, TensorView::new(*dtype, shape.clone(), bytes).map_err(unreadable)?))
        })
        .collect::<Result<Vec<_>>>()?;
    let metadata = metadata.map(|entry| HashMap::from([entry]));
    safetensors::serialize(views, metadata).map_err(unreadable)
}

/// The tensors of a safetensors file, on the CPU, by name in alphabetical order.
///
/// # Errors
/// [`crate::error::Kind::Data`]: the bytes are no safetensors file (its own checks cover lengths
/// and overlaps), or a tensor has a type other than f32, f64, i64 and u8.
pub fn decode(bytes: &[u8]) -> Result<Vec<(String, Tensor)>> {
    let file = SafeTensors::deserialize(bytes).map_err(unreadable)?;
    let mut state = Vec::with_capacity(file.len());
    for (name, view) in file.tensors() {
        let dtype = view.dtype();
        let Some((kind, _)) = TYPES.iter().find(|(_, known)| *known == dtype) else {
            let found = format!("{name} has type {dtype:?}");
            return Err(Error::data(format!("weights: expected f32, f64, i64 or u8, {found}")));
        };
        let shape: Vec<i64> = view.shape().iter().map(|&size| size as i64).collect();
        let length = view
            .shape()
            .iter()
            .try_fold(kind.elt_size_in_bytes(), |all, &size| all.checked_mul(size));
        if length != Some(view.data().len()) {
            return Err(Error::data(format!("weights: {name} has the wrong length")));
        }
        state.push((name, Tensor::f_from_data_size(view.data(), &shape, *kind)?));
    }
    state.sort_by(|a, b| a.0.cmp(&b.0));
    Ok(state)
}

fn unreadable(error: safetensors::SafeTensorError) -> Error {
    Error::data(format!("weights: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample() -> Vec<(String, Tensor)> {
        vec![
            ("b".to_owned(), Tensor::from_slice(&[1.5f32, f32::NAN, -0.0]).view([3, 1])),
            ("a".to_owned(), Tensor::from_slice(&[i64::MIN, 7])),
            ("c".to_owned(), Tensor::from_slice(&[255u8])),
            ("d".to_owned(), Tensor::from_slice(&[1e300f64]).view([])),
            ("e".to_owned(), Tensor::from_slice::<f32>(&[]).view([0, 4])),
        ]
    }

    #[test]
    fn decode_inverts_encode_bit_for_bit() {
        let bytes = encode(&sample()).unwrap();
        let state = decode(&bytes).unwrap();
        assert_eq!(bytes, encode(&state).unwrap());
        let shapes: Vec<_> = state.iter().map(|(name, t)| (name.as_str(), t.size())).collect();
        assert_eq!(shapes[1], ("b", vec![3, 1]));
        assert_eq!(shapes[4], ("e", vec![0, 4]));
        assert_eq!(state[0].1.int64_value(&[0]), i64::MIN);
        assert!(state[1].1.double_value(&[1, 0]).is_nan());
    }

    #[test]
    fn a_strided_view_is_written_in_logical_order() {
        let t = Tensor::from_slice(&[1f32, 2.0, 3.0, 4.0]).view([2, 2]).tr();
        let state = decode(&encode(&[("t".to_owned(), t)]).unwrap()).unwrap();
        assert_eq!(state[0].1, Tensor::from_slice(&[1f32, 3.0, 2.0, 4.0]).view([2, 2]));
    }

    #[test]
    fn every_truncation_is_refused() {
        let bytes = encode(&sample()).unwrap();
        for length in 0..bytes.len() {
            let error = decode(&bytes[..length]).unwrap_err();
            assert_eq!(error.kind(), crate::error::Kind::Data);
        }
    }

    #[test]
    fn duplicates_and_other_types_are_refused() {
        let mut twice = sample();
        twice.extend(sample());
        assert!(encode(&twice).is_err());
        let half = Tensor::from_slice(&[1f32]).to_kind(Kind::Half);
        assert!(encode(&[("h".to_owned(), half)]).is_err());
    }
}
