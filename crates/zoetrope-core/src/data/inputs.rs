//! Input values in their own type, borrowed or copied.

use tch::kind::Element;
use tch::{Device, Kind, Tensor};

use crate::error::{Error, Result};

/// Borrowed pixels or other values.
#[derive(Debug, Clone, Copy)]
pub enum Inputs<'a> {
    /// Taken as they are.
    F32(&'a [f32]),
    /// Scaled to 0…1 on the device.
    U8(&'a [u8]),
}

impl Inputs<'_> {
    /// Checks that there are as many values as the shape says.
    pub(crate) fn check_fits(&self, shape: &[i64]) -> Result<()> {
        let len = match self {
            Self::F32(values) => values.len(),
            Self::U8(values) => values.len(),
        };
        check_length("inputs", len, shape)
    }

    /// The values of a contiguous CPU tensor of float32 or uint8.
    pub(crate) fn of(tensor: &Tensor) -> Inputs<'_> {
        let (data, len) = (tensor.data_ptr(), tensor.numel());
        if tensor.kind() == Kind::Uint8 {
            // SAFETY: `to_tensor` made the tensor of this type, contiguous, on the CPU, and nothing writes to it; the
            // borrow keeps it alive.
            Inputs::U8(unsafe { std::slice::from_raw_parts(data.cast_const().cast::<u8>(), len) })
        } else {
            // SAFETY: as above.
            Inputs::F32(unsafe { std::slice::from_raw_parts(data.cast_const().cast::<f32>(), len) })
        }
    }

    /// Copies into a CPU tensor of the given shape, which must have as many elements.
    pub(crate) fn to_tensor(self, shape: &[i64]) -> Result<Tensor> {
        self.check_fits(shape)?;
        match self {
            Self::F32(values) => copied(values, shape),
            Self::U8(values) => copied(values, shape),
        }
    }
}

/// A CPU tensor of that shape with these values, as many as it has elements; unlike `Tensor::from_slice`, nothing is
/// written twice.
fn copied<T: Element>(values: &[T], shape: &[i64]) -> Result<Tensor> {
    let tensor = Tensor::f_empty(shape, (T::KIND, Device::Cpu))?;
    assert_eq!(tensor.numel(), values.len(), "elements of the shape {shape:?}");
    // SAFETY: a new contiguous tensor of T, of as many elements as there are values, which nobody else knows.
    unsafe { std::ptr::copy_nonoverlapping(values.as_ptr(), tensor.data_ptr().cast::<T>(), values.len()) };
    Ok(tensor)
}

/// Copied values, in the type in which they came.
#[derive(Debug, Clone, PartialEq)]
pub enum Values {
    /// As they were.
    F32(Vec<f32>),
    /// Not scaled.
    U8(Vec<u8>),
}

impl Values {
    /// Copies the values of a tensor of float32 or uint8.
    pub(crate) fn of(tensor: &Tensor) -> Result<Self> {
        let flat = tensor.f_flatten(0, -1)?;
        Ok(match flat.kind() {
            Kind::Uint8 => Self::U8(Vec::try_from(flat)?),
            _ => Self::F32(Vec::try_from(flat)?),
        })
    }

    pub(crate) fn view(&self) -> Inputs<'_> {
        match self {
            Self::F32(values) => Inputs::F32(values),
            Self::U8(values) => Inputs::U8(values),
        }
    }
}

/// Checks that an array has as many elements as its shape says.
pub(crate) fn check_length(what: &str, len: usize, shape: &[i64]) -> Result<()> {
    let elements = shape.iter().try_fold(1_i64, |product, &size| product.checked_mul(size));
    if elements == Some(len as i64) {
        return Ok(());
    }
    Err(Error::ShapeMismatch {
        what: what.to_owned(),
        expected: format!(
            "{shape:?}, that is {} elements",
            elements.map_or("too many".to_owned(), |n| n.to_string())
        ),
        actual: vec![len as i64],
    })
}
