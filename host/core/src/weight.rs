//! Shares of traffic.

use core::fmt;

use serde::{Deserialize, Serialize};

/// A share in hundredths of a percent, 0 to 10000.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize)]
#[serde(transparent)]
pub struct BasisPoints(u16);

impl BasisPoints {
    /// Nothing.
    pub const ZERO: BasisPoints = BasisPoints(0);
    /// Everything.
    pub const FULL: BasisPoints = BasisPoints(10_000);

    /// The share, or `None` above 10000.
    pub const fn new(value: u32) -> Option<BasisPoints> {
        if value <= 10_000 {
            Some(BasisPoints(value as u16))
        } else {
            None
        }
    }

    /// The share, cut at 10000.
    pub const fn saturating(value: u64) -> BasisPoints {
        if value < 10_000 {
            BasisPoints(value as u16)
        } else {
            BasisPoints::FULL
        }
    }

    /// 0 to 10000.
    pub const fn value(self) -> u32 {
        self.0 as u32
    }

    /// What is left of everything.
    pub const fn rest(self) -> BasisPoints {
        BasisPoints(10_000 - self.0)
    }
}

impl<'de> Deserialize<'de> for BasisPoints {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<BasisPoints, D::Error> {
        let value = u32::deserialize(deserializer)?;
        BasisPoints::new(value)
            .ok_or_else(|| serde::de::Error::custom("more than 10000 basis points"))
    }
}

impl fmt::Display for BasisPoints {
    /// `0 %`, `0.5 %`, `12.34 %`, `100 %`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (whole, part) = (self.0 / 100, self.0 % 100);
        match part {
            0 => write!(f, "{whole} %"),
            _ if part % 10 == 0 => write!(f, "{whole}.{} %", part / 10),
            _ => write!(f, "{whole}.{part:02} %"),
        }
    }
}
