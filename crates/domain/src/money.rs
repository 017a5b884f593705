//! Money, exactly.

use crate::text::InvalidValue;
use rust_decimal::Decimal;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error};
use std::{fmt, str::FromStr};

/// An amount of US dollars: exact, never negative, up to 28 significant digits. Zero is a value; what nobody reported is `None`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Usd(Decimal);

impl Usd {
    /// No dollars at all.
    pub const ZERO: Self = Self(Decimal::ZERO);

    /// The sum, or `None` when it is beyond what the type holds.
    #[must_use]
    pub fn checked_add(self, other: Self) -> Option<Self> {
        self.0.checked_add(other.0).map(Self)
    }

    /// The exact number.
    #[must_use]
    pub const fn decimal(self) -> Decimal {
        self.0
    }
}

impl FromStr for Usd {
    type Err = InvalidValue;

    /// Reads a decimal number, also in scientific notation (`1.2e-05`).
    ///
    /// # Errors
    /// When the text is no number, is negative, or has more digits than can be kept exactly.
    fn from_str(text: &str) -> Result<Self, InvalidValue> {
        let exact = Decimal::from_str_exact(text).or_else(|_| Decimal::from_scientific(text));
        match exact {
            Ok(amount) if amount.is_zero() => Ok(Self::ZERO),
            Ok(amount) if amount.is_sign_positive() => Ok(Self(amount.normalize())),
            Ok(_) => Err(InvalidValue::new("amount", "must not be negative")),
            Err(_) => Err(InvalidValue::new("amount", "must be a decimal number")),
        }
    }
}

impl fmt::Display for Usd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl Serialize for Usd {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Usd {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(D::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn usd(text: &str) -> Usd {
        text.parse().unwrap()
    }

    #[test]
    fn reads_plain_and_scientific_numbers_exactly() {
        assert_eq!(usd("0.000123").to_string(), "0.000123");
        assert_eq!(usd("1.2e-05").to_string(), "0.000012");
        assert_eq!(usd("0.10").checked_add(usd("0.2")), Some(usd("0.3")));
        assert_eq!(usd("0"), Usd::ZERO);
        assert_eq!(usd("-0.0"), Usd::ZERO);
    }

    #[test]
    fn refuses_what_is_no_amount() {
        for text in ["-1", "-0.5e-3", "NaN", "", "1,5", "0x10"] {
            assert!(text.parse::<Usd>().is_err(), "{text}");
        }
    }
}
