//! The element types of stored tensors.

use tch::Kind;

/// The type of a tensor's elements, by the names of PyTorch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "the names say it")]
pub enum Dtype {
    Float64,
    Float32,
    Float16,
    BFloat16,
    Float8E4m3fn,
    Float8E5m2,
    Int64,
    Int32,
    Int16,
    Int8,
    UInt64,
    UInt32,
    UInt16,
    UInt8,
    Bool,
    Complex128,
    Complex64,
    Complex32,
    QInt8,
    QUInt8,
    QInt32,
}

/// What is known of a type: PyTorch's name, the storage class of old files, the letter and size of
/// numpy, bytes of an element, and libtorch's type where tch has it.
type Row = (Dtype, &'static str, &'static str, &'static str, usize, Option<Kind>);

const ROWS: [Row; 21] = [
    (Dtype::Float64, "float64", "DoubleStorage", "f8", 8, Some(Kind::Double)),
    (Dtype::Float32, "float32", "FloatStorage", "f4", 4, Some(Kind::Float)),
    (Dtype::Float16, "float16", "HalfStorage", "f2", 2, Some(Kind::Half)),
    (Dtype::BFloat16, "bfloat16", "BFloat16Storage", "", 2, Some(Kind::BFloat16)),
    (Dtype::Float8E4m3fn, "float8_e4m3fn", "", "", 1, Some(Kind::Float8e4m3fn)),
    (Dtype::Float8E5m2, "float8_e5m2", "", "", 1, Some(Kind::Float8e5m2)),
    (Dtype::Int64, "int64", "LongStorage", "i8", 8, Some(Kind::Int64)),
    (Dtype::Int32, "int32", "IntStorage", "i4", 4, Some(Kind::Int)),
    (Dtype::Int16, "int16", "ShortStorage", "i2", 2, Some(Kind::Int16)),
    (Dtype::Int8, "int8", "CharStorage", "i1", 1, Some(Kind::Int8)),
    (Dtype::UInt64, "uint64", "", "u8", 8, None),
    (Dtype::UInt32, "uint32", "", "u4", 4, None),
    (Dtype::UInt16, "uint16", "", "u2", 2, None),
    (Dtype::UInt8, "uint8", "ByteStorage", "u1", 1, Some(Kind::Uint8)),
    (Dtype::Bool, "bool", "BoolStorage", "b1", 1, Some(Kind::Bool)),
    (Dtype::Complex128, "complex128", "ComplexDoubleStorage", "c16", 16, Some(Kind::ComplexDouble)),
    (Dtype::Complex64, "complex64", "ComplexFloatStorage", "c8", 8, Some(Kind::ComplexFloat)),
    (Dtype::Complex32, "complex32", "", "", 4, Some(Kind::ComplexHalf)),
    // Their numbers mean nothing without the scale that a quantized tensor has beside them.
    (Dtype::QInt8, "qint8", "QInt8Storage", "", 1, None),
    (Dtype::QUInt8, "quint8", "QUInt8Storage", "", 1, None),
    (Dtype::QInt32, "qint32", "QInt32Storage", "", 4, None),
];

impl Dtype {
    fn find(known: impl Fn(&Row) -> bool) -> Option<Self> {
        ROWS.iter().find(|row| known(row)).map(|row| row.0)
    }

    fn row(self) -> &'static Row {
        ROWS.iter().find(|row| row.0 == self).unwrap_or(&ROWS[0])
    }

    /// The type of PyTorch's name, for example `float32`.
    pub fn of_torch(name: &str) -> Option<Self> {
        Self::find(|row| row.1 == name)
    }

    /// The type of a storage class, for example `FloatStorage`; an untyped storage holds bytes.
    pub fn of_storage(class: &str) -> Option<Self> {
        match class {
            "UntypedStorage" => Some(Self::UInt8),
            _ => Self::find(|row| row.2 == class && !class.is_empty()),
        }
    }

    /// The type of numpy's letter and size without the byte order, for example `f4`.
    pub fn of_numpy(code: &str) -> Option<Self> {
        Self::find(|row| row.3 == code && !code.is_empty())
    }

    /// The type of a safetensors header, where it has whole bytes.
    pub fn of_safetensors(dtype: safetensors::Dtype) -> Option<Self> {
        use safetensors::Dtype as Stored;
        Some(match dtype {
            Stored::F64 => Self::Float64,
            Stored::F32 => Self::Float32,
            Stored::F16 => Self::Float16,
            Stored::BF16 => Self::BFloat16,
            Stored::F8_E4M3 => Self::Float8E4m3fn,
            Stored::F8_E5M2 => Self::Float8E5m2,
            Stored::I64 => Self::Int64,
            Stored::I32 => Self::Int32,
            Stored::I16 => Self::Int16,
            Stored::I8 => Self::Int8,
            Stored::U64 => Self::UInt64,
            Stored::U32 => Self::UInt32,
            Stored::U16 => Self::UInt16,
            Stored::U8 => Self::UInt8,
            Stored::BOOL => Self::Bool,
            Stored::C64 => Self::Complex64,
            _ => return None,
        })
    }

    /// PyTorch's name, for example `float32`.
    pub fn name(self) -> &'static str {
        self.row().1
    }

    /// The bytes of one element.
    pub fn size(self) -> usize {
        self.row().4
    }

    /// The bytes that change places where the byte order does: half an element if it is complex.
    pub fn word(self) -> usize {
        match self {
            Self::Complex128 | Self::Complex64 | Self::Complex32 => self.size() / 2,
            _ => self.size(),
        }
    }

    /// The type in libtorch, if tch has it.
    pub fn kind(self) -> Option<Kind> {
        self.row().5
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_lead_back_to_their_types() {
        for row in &ROWS {
            assert_eq!(Dtype::of_torch(row.1), Some(row.0));
            assert_eq!(row.0.name(), row.1);
            if let Some(kind) = row.0.kind() {
                assert_eq!(kind.elt_size_in_bytes(), row.0.size(), "{}", row.1);
            }
        }
        assert_eq!(Dtype::of_storage("HalfStorage"), Some(Dtype::Float16));
        assert_eq!(Dtype::of_storage(""), None);
        assert_eq!(Dtype::of_numpy("b1"), Some(Dtype::Bool));
        assert_eq!(Dtype::of_numpy(""), None);
    }
}
