use thiserror::Error;

/// A value that the wire has no room for, and the range that it has.
///
/// ```
/// use cync_core::wire::Destination;
///
/// let error = Destination::outlet(5, 127).unwrap_err();
/// assert_eq!(error.to_string(), "outlet 127 is out of range: 1 to 126");
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Error)]
#[error("{field} {value} is out of range: {min} to {max}")]
pub struct ValueError {
    /// What the value is of.
    pub field: &'static str,
    /// The value.
    pub value: u32,
    /// The least that is allowed.
    pub min: u32,
    /// The greatest that is allowed.
    pub max: u32,
}

impl ValueError {
    /// Whether `value` of `field` lies between `min` and `max`, both included.
    pub(super) const fn check(
        field: &'static str,
        value: u32,
        min: u32,
        max: u32,
    ) -> Result<(), Self> {
        if min <= value && value <= max { Ok(()) } else { Err(Self { field, value, min, max }) }
    }
}
