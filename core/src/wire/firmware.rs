/// A firmware version, announced in an unbound frame (`docs/protocol.md`, section 5).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Firmware<'a> {
    /// The device's own firmware; otherwise that of its network part.
    pub of_device: bool,
    /// ASCII digits.
    pub text: &'a [u8],
}

impl<'a> Firmware<'a> {
    const LEN: usize = 32;
    const WHICH_AT: usize = 13;

    pub(super) fn parse(data: &'a [u8]) -> Option<Self> {
        if data.len() != Self::LEN {
            return None;
        }
        let [which, text @ ..] = data.get(Self::WHICH_AT..)? else { return None };
        let end = text.iter().position(|byte| *byte == 0).unwrap_or(text.len());
        Some(Self { of_device: *which != 0, text: text.get(..end)? })
    }
}
