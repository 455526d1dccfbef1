//! Input values in their own type, borrowed or copied.

use std::thread::{Builder, scope};

use tch::kind::Element;
use tch::{Device, Kind, Tensor};

use crate::error::{Error, Result};
use crate::runtime::threads::num_threads;

/// Bytes that a thread copies at least: one brings about half of what memory can, and to start one takes 0.1 ms.
const COPIED_ALONE: usize = 4 << 20;

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
fn copied<T: Element + Copy + Sync>(values: &[T], shape: &[i64]) -> Result<Tensor> {
    let tensor = Tensor::f_empty(shape, (T::KIND, Device::Cpu))?;
    assert_eq!(tensor.numel(), values.len(), "elements of the shape {shape:?}");
    let most = usize::try_from(num_threads()).unwrap_or(1).max(1);
    let threads = (size_of_val(values) / COPIED_ALONE).clamp(1, most);
    // SAFETY: a new contiguous tensor of T, of as many elements as there are values, which nobody else knows.
    unsafe { copy_beside(values, tensor.data_ptr().cast::<T>(), threads) };
    Ok(tensor)
}

/// Copies the values on so many threads, or on as many as the system gives.
///
/// # Safety
/// `to` has room for them, which nobody else reads or writes meanwhile.
unsafe fn copy_beside<T: Copy + Sync>(values: &[T], to: *mut T, threads: usize) {
    struct Part<'a, T>(&'a [T], *mut T);
    // SAFETY: each part writes to a place of its own.
    unsafe impl<T: Sync> Send for Part<'_, T> {}
    impl<T: Copy> Part<'_, T> {
        fn copy(&self) {
            // SAFETY: the caller's place has room for all values, and this part's lie where they lay among these.
            unsafe { std::ptr::copy_nonoverlapping(self.0.as_ptr(), self.1, self.0.len()) };
        }
    }
    let each = values.len().div_ceil(threads).max(1);
    // SAFETY: the place of a value that exists.
    let part = |begin: usize| Part(&values[begin..values.len().min(begin + each)], unsafe { to.add(begin) });
    scope(|scope| {
        for begin in (each..values.len()).step_by(each) {
            let beside = part(begin);
            if Builder::new().spawn_scoped(scope, move || beside.copy()).is_err() {
                part(begin).copy();
            }
        }
        part(0).copy();
    });
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_number_of_threads_copies_every_value() {
        for (len, threads) in [(0, 2), (1, 2), (10, 1), (10, 3), (1000, 7), (3, 8)] {
            let values: Vec<u32> = (1..=len).collect();
            let mut copies = vec![0; values.len()];
            // SAFETY: as many places as values, of this test alone.
            unsafe { copy_beside(&values, copies.as_mut_ptr(), threads) };
            assert_eq!(copies, values, "{len} values, {threads} threads");
        }
    }
}
