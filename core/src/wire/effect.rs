/// A light show that is built into the devices (`docs/protocol.md`, section 5).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[non_exhaustive]
#[expect(missing_docs, reason = "the names are the makers' own and say all there is to say")]
pub enum Effect {
    Candle,
    Rainbow,
    Fireworks,
    Volcanic,
    Aurora,
    HappyHolidays,
    RedWhiteBlue,
    Vegas,
    PartyTime,
    Cyber,
}

impl Effect {
    /// Every effect, in the order of its number.
    pub const ALL: [Self; 10] = [
        Self::Candle,
        Self::Rainbow,
        Self::Fireworks,
        Self::Volcanic,
        Self::Aurora,
        Self::HappyHolidays,
        Self::RedWhiteBlue,
        Self::Vegas,
        Self::PartyTime,
        Self::Cyber,
    ];

    /// `candle`, `happy_holidays`, ...
    pub const fn name(self) -> &'static str {
        match self {
            Self::Candle => "candle",
            Self::Rainbow => "rainbow",
            Self::Fireworks => "fireworks",
            Self::Volcanic => "volcanic",
            Self::Aurora => "aurora",
            Self::HappyHolidays => "happy_holidays",
            Self::RedWhiteBlue => "red_white_blue",
            Self::Vegas => "vegas",
            Self::PartyTime => "party_time",
            Self::Cyber => "cyber",
        }
    }

    /// The effect with this [name](Self::name).
    pub fn of_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|effect| effect.name() == name)
    }

    /// Its number on the wire, and the byte that is sent behind it.
    pub(super) const fn code(self) -> [u8; 2] {
        match self {
            Self::Candle => [0x01, 0xf1],
            Self::Rainbow => [0x02, 0x7a],
            Self::Fireworks => [0x03, 0xda],
            Self::Volcanic => [0x04, 0xf4],
            Self::Aurora => [0x05, 0x1c],
            Self::HappyHolidays => [0x06, 0x54],
            Self::RedWhiteBlue => [0x07, 0x4f],
            Self::Vegas => [0x08, 0xe3],
            Self::PartyTime => [0x09, 0x06],
            Self::Cyber => [0x43, 0x9f],
        }
    }

    /// The effect with this number; the byte behind it may be any.
    pub(super) fn of_index(index: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|effect| effect.code().first() == Some(&index))
    }
}

#[cfg(test)]
mod tests {
    use super::Effect;

    #[test]
    fn every_effect_is_found_by_its_number_and_by_its_name() {
        let known = (0..=u8::MAX).filter_map(Effect::of_index);
        assert!(known.eq(Effect::ALL));
        for effect in Effect::ALL {
            assert_eq!(Effect::of_name(effect.name()), Some(effect));
        }
        assert_eq!(Effect::of_name("Candle"), None);
    }
}
