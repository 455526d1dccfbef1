//! Probabilities far below the smallest number, without logarithms.

use std::f64::consts::LN_2;

/// `value` · 2^(512 · `exponent`), the value 0 or at least 2^-256.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Mass {
    value: f64,
    exponent: i32,
}

/// 2^512.
const UNIT: f64 = f64::from_bits((1023 + 512) << 52);
/// 2^-256.
const LEAST: f64 = f64::from_bits((1023 - 256) << 52);
const LN_UNIT: f64 = 512.0 * LN_2;

impl Mass {
    pub(super) const ZERO: Self = Self {
        value: 0.0,
        exponent: i32::MIN / 4, //                                  below that of every other
    };
    pub(super) const ONE: Self = Self {
        value: 1.0,
        exponent: 0,
    };

    /// The probability with this logarithm, at most 0.
    pub(super) fn from_ln(ln: f64) -> Self {
        if ln == f64::NEG_INFINITY {
            return Self::ZERO;
        }
        let exponent = (ln / LN_UNIT).trunc();
        Self {
            value: (ln - exponent * LN_UNIT).exp(),
            exponent: exponent as i32,
        }
        .normalized()
    }

    pub(super) fn ln(self) -> f64 {
        if self.value > 0.0 {
            self.value.ln() + f64::from(self.exponent) * LN_UNIT
        } else {
            f64::NEG_INFINITY
        }
    }

    pub(super) fn plus(self, other: Self) -> Self {
        if self.exponent == other.exponent {
            return Self {
                value: self.value + other.value,
                exponent: self.exponent,
            };
        }
        let (larger, smaller) = if self.exponent > other.exponent {
            (self, other)
        } else {
            (other, self)
        };
        let is_near = larger.exponent - smaller.exponent == 1; //      else it is below the last digit
        Self {
            value: larger.value + if is_near { smaller.value / UNIT } else { 0.0 },
            exponent: larger.exponent,
        }
    }

    pub(super) fn times(self, other: Self) -> Self {
        if self.value == 0.0 || other.value == 0.0 {
            return Self::ZERO;
        }
        Self {
            value: self.value * other.value,
            exponent: self.exponent + other.exponent,
        }
        .normalized()
    }

    fn normalized(self) -> Self {
        if self.value >= LEAST {
            return self;
        }
        Self {
            value: self.value * UNIT,
            exponent: self.exponent - 1,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn masses_are_added_and_multiplied_as_their_logarithms_say() {
        for (left, right) in [
            (-1.0, -2.0),
            (-300.0, -301.0),
            (-354.0, -356.0),
            (-1e5, -1e5 - 3.0),
            (0.0, -5000.0),
        ] {
            let [x, y] = [left, right].map(Mass::from_ln);
            let product: f64 = x.times(y).ln();
            assert!(
                (product - (left + right)).abs() < 1e-9 * (1.0 - left - right),
                "{left} {right}"
            );
            for sum in [x.plus(y).ln(), y.plus(x).ln()] {
                let expected = super::super::add(left, right);
                assert!((sum - expected).abs() < 1e-9 * (1.0 - left), "{left} {right}: {sum}");
            }
        }
        assert_eq!(Mass::ZERO.plus(Mass::ONE), Mass::ONE);
        assert_eq!(Mass::from_ln(f64::NEG_INFINITY), Mass::ZERO);
        assert!(Mass::ZERO.ln() < f64::MIN);
    }
}
