//! Administrative areas, by their Kemendagri codes: the key by which sites are grouped in reports and on the map.
//!
//! A code is text, never a number: `33.10` is not `33.1`.

/// A Kemendagri code: `33`, `33.03`, `33.03.07` or `33.03.07.2012`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RegionCode(String);

/// A text that is no Kemendagri code.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("'{0}' is not a Kemendagri code such as 33.03.07 or 33.03.07.2012")]
pub struct RegionError(String);

impl std::str::FromStr for RegionCode {
    type Err = RegionError;
    fn from_str(text: &str) -> Result<Self, RegionError> {
        let widths = [2, 2, 2, 4];
        let parts: Vec<&str> = text.split('.').collect();
        let fits = parts.len() <= widths.len()
            && parts.iter().zip(widths).all(|(p, w)| p.len() == w && p.bytes().all(|b| b.is_ascii_digit()));
        if fits { Ok(RegionCode(text.to_owned())) } else { Err(RegionError(text.to_owned())) }
    }
}

impl RegionCode {
    /// The code as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The code of the kecamatan that this region is or lies in: its first three parts.
    #[must_use]
    pub fn kecamatan(&self) -> Option<&str> {
        const LENGTH: usize = "33.03.07".len();
        self.0.get(..LENGTH)
    }
}

#[cfg(test)]
mod tests {
    use super::RegionCode;

    #[test]
    fn a_code_has_up_to_four_parts_of_fixed_width() {
        for good in ["33", "33.06", "33.06.09", "33.06.09.1016"] {
            assert_eq!(good.parse::<RegionCode>().unwrap().as_str(), good);
        }
        for bad in ["", "3", "33.", "33.6", "33.06.9", "33.06.09.16", "33.06.09.1016.1", "33-06", "3x.06"] {
            assert!(bad.parse::<RegionCode>().is_err(), "{bad:?} was taken for a code");
        }
    }

    #[test]
    fn a_village_lies_in_the_kecamatan_of_its_first_three_parts() {
        let kecamatan = |code: &str| code.parse::<RegionCode>().unwrap().kecamatan().map(str::to_owned);
        assert_eq!(kecamatan("33.06.09.1016").as_deref(), Some("33.06.09"));
        assert_eq!(kecamatan("33.06.09").as_deref(), Some("33.06.09"));
        assert_eq!(kecamatan("33.06"), None);
    }
}
