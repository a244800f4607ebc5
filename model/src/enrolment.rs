//! Enrolment: how an agent comes to a token that only it and the collector can know, from a code that people may pass on.
//!
//! The agent draws its token and shows the code with the token's digest; the collector keeps the digest. The rule it
//! guards: no secret that lasts is ever sent, spoken or shown. A code is good once and not for long, so that it may
//! travel by chat or over the telephone.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// The symbols of a code (Crockford's base 32): none of them is taken for another, read aloud or written by hand.
const SYMBOLS: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";
/// Symbols that are drawn: 95 bits.
const DRAWN: usize = 19;
/// Symbols of a code. The last one tells whether the others were copied right (Luhn's sum over 32 symbols).
const LENGTH: usize = DRAWN + 1;
/// Symbols between two dashes.
const GROUP: usize = 4;
/// Random bytes that a code takes.
pub const CODE_BYTES: usize = 12;

/// A code that is good for one enrolment: `K7QF-02MX-…`, five groups of four.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct EnrolmentCode([u8; LENGTH]);

/// Why a text is no code.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CodeError {
    /// Letters are missing, or there are too many.
    #[error("an enrolment code has {LENGTH} letters and digits, and this has {0}; copy it again")]
    Length(usize),
    /// A character that no code has.
    #[error("an enrolment code has no '{0}'; copy it again")]
    Character(char),
    /// One is wrong, or two are exchanged.
    #[error("a letter of the enrolment code is wrong, or two have changed places; copy it again")]
    Miscopied,
}

/// SHA-256 of a token, of which the collector keeps nothing else.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct TokenDigest([u8; 32]);

/// What an agent asks for when it enrols.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Enrolment {
    /// The code, in any case, with or without dashes.
    #[cfg_attr(feature = "openapi", schema(value_type = String))]
    pub code: EnrolmentCode,
    /// SHA-256 of the token that the agent has drawn, as 64 hexadecimal digits.
    #[cfg_attr(feature = "openapi", schema(value_type = String))]
    pub token_sha256: TokenDigest,
}

/// What it is told when it is enrolled.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Enrolled {
    /// Whose agent it is from now on.
    #[cfg_attr(feature = "openapi", schema(value_type = String))]
    pub agent: crate::id::Vantage,
}

impl EnrolmentCode {
    /// The code that is made of these random bytes.
    #[must_use]
    pub fn from_random(bytes: [u8; CODE_BYTES]) -> Self {
        let bits = bytes.iter().fold(0u128, |bits, byte| bits << 8 | u128::from(*byte));
        let mut values = [0; LENGTH];
        for (place, value) in values.iter_mut().take(DRAWN).enumerate() {
            *value = (bits >> (5 * place)) as u8 & 31;
        }
        values[DRAWN] = check(&values[..DRAWN]);
        EnrolmentCode(values)
    }

    /// SHA-256 of its symbols, under which it can be kept and found.
    #[must_use]
    pub fn digest(&self) -> [u8; 32] {
        Sha256::digest(self.symbols().collect::<String>().as_bytes()).into()
    }

    fn symbols(&self) -> impl Iterator<Item = char> {
        self.0.iter().map(|value| char::from(SYMBOLS[usize::from(*value & 31)]))
    }
}

/// Luhn's sum in base 32: finds every wrong symbol, and every two neighbours that changed places but `0` and `Z`.
fn check(values: &[u8]) -> u8 {
    let sum: u32 = values
        .iter()
        .rev()
        .enumerate()
        .map(|(place, value)| {
            let weighed = u32::from(*value) * if place % 2 == 0 { 2 } else { 1 };
            weighed / 32 + weighed % 32
        })
        .sum();
    (32 - sum % 32) as u8 % 32
}

impl FromStr for EnrolmentCode {
    type Err = CodeError;

    fn from_str(text: &str) -> Result<Self, CodeError> {
        let mut values = Vec::with_capacity(LENGTH);
        for typed in text.chars().filter(|c| !c.is_whitespace() && *c != '-') {
            let meant = match typed.to_ascii_uppercase() {
                'O' => '0',
                'I' | 'L' => '1',
                other => other,
            };
            let value = (0u8..).zip(SYMBOLS).find(|(_, symbol)| char::from(**symbol) == meant);
            values.push(value.ok_or(CodeError::Character(typed))?.0);
        }
        let values: [u8; LENGTH] =
            values.try_into().map_err(|values: Vec<u8>| CodeError::Length(values.len()))?;
        if check(&values[..DRAWN]) != values[DRAWN] {
            return Err(CodeError::Miscopied);
        }
        Ok(EnrolmentCode(values))
    }
}

impl TryFrom<String> for EnrolmentCode {
    type Error = CodeError;
    fn try_from(text: String) -> Result<Self, CodeError> {
        text.parse()
    }
}

impl From<EnrolmentCode> for String {
    fn from(code: EnrolmentCode) -> Self {
        code.to_string()
    }
}

/// Shows the code itself: it is made to be passed on.
impl fmt::Display for EnrolmentCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (place, symbol) in self.symbols().enumerate() {
            if place > 0 && place % GROUP == 0 {
                f.write_str("-")?;
            }
            write!(f, "{symbol}")?;
        }
        Ok(())
    }
}

/// Does not: what is logged outlives the enrolment.
impl fmt::Debug for EnrolmentCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("EnrolmentCode(…)")
    }
}

/// Why a text is no digest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a SHA-256 is 64 hexadecimal digits")]
pub struct DigestError;

impl TokenDigest {
    /// The digest of a token.
    #[must_use]
    pub fn of(token: &str) -> Self {
        TokenDigest(Sha256::digest(token.as_bytes()).into())
    }

    /// Its bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl TryFrom<String> for TokenDigest {
    type Error = DigestError;
    fn try_from(text: String) -> Result<Self, DigestError> {
        if text.len() != 64 || !text.is_ascii() {
            return Err(DigestError);
        }
        let mut bytes = [0; 32];
        for (place, byte) in bytes.iter_mut().enumerate() {
            *byte = u8::from_str_radix(&text[2 * place..2 * place + 2], 16).map_err(|_| DigestError)?;
        }
        Ok(TokenDigest(bytes))
    }
}

impl From<TokenDigest> for String {
    fn from(digest: TokenDigest) -> Self {
        digest.0.iter().fold(String::with_capacity(64), |mut text, byte| {
            text.push_str(&format!("{byte:02x}"));
            text
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn symbol(value: usize) -> char {
        char::from(SYMBOLS[value])
    }

    proptest! {
        #[test]
        fn a_code_reads_back_however_it_is_written(bytes: [u8; CODE_BYTES]) {
            let code = EnrolmentCode::from_random(bytes);
            let shown = code.to_string();
            prop_assert_eq!(shown.len(), LENGTH + 4);
            for written in [
                shown.clone(),
                shown.to_lowercase(),
                shown.replace('-', " "),
                shown.replace('-', ""),
                shown.replace('0', "o").replace('1', "l"),
                format!(" {shown}\n"),
            ] {
                prop_assert_eq!(written.parse::<EnrolmentCode>().unwrap(), code.clone());
            }
        }

        #[test]
        fn one_wrong_symbol_is_found_before_anybody_is_asked(
            bytes: [u8; CODE_BYTES], place in 0..LENGTH, other in 1..32u8,
        ) {
            let mut code = EnrolmentCode::from_random(bytes);
            code.0[place] = (code.0[place] + other) % 32;
            prop_assert_eq!(code.to_string().parse::<EnrolmentCode>(), Err(CodeError::Miscopied));
        }

        #[test]
        fn two_neighbours_that_changed_places_are_found(bytes: [u8; CODE_BYTES], place in 0..LENGTH - 1) {
            let mut code = EnrolmentCode::from_random(bytes);
            let pair = [code.0[place], code.0[place + 1]];
            prop_assume!(pair[0] != pair[1] && !pair.iter().all(|value| [0, 31].contains(value)));
            code.0.swap(place, place + 1);
            prop_assert_eq!(code.to_string().parse::<EnrolmentCode>(), Err(CodeError::Miscopied));
        }

        #[test]
        fn every_bit_that_is_drawn_tells_in_the_code(bytes: [u8; CODE_BYTES], bit in 0..5 * DRAWN) {
            let mut others = bytes;
            others[CODE_BYTES - 1 - bit / 8] ^= 1 << (bit % 8);
            prop_assert_ne!(EnrolmentCode::from_random(bytes), EnrolmentCode::from_random(others));
        }
    }

    #[test]
    fn what_is_no_code_is_told_by_what_is_wrong_with_it() {
        let code = EnrolmentCode::from_random([7; CODE_BYTES]).to_string();
        for (text, error) in [
            ("", CodeError::Length(0)),
            (&code[..22], CodeError::Length(18)),
            (&format!("{code}{}", symbol(3)), CodeError::Length(21)),
            (&code.replacen('-', "u", 1), CodeError::Character('u')),
            (&code.replacen('-', "é", 1), CodeError::Character('é')),
        ] {
            assert_eq!(text.parse::<EnrolmentCode>(), Err(error), "{text}");
        }
        assert!(!format!("{:?}", code.parse::<EnrolmentCode>()).contains(&code[..4]));
    }

    #[test]
    fn an_enrolment_reads_back_and_holds_no_token() {
        let enrolment = Enrolment {
            code: EnrolmentCode::from_random([9; CODE_BYTES]),
            token_sha256: TokenDigest::of("rahasia"),
        };
        let json = serde_json::to_string(&enrolment).unwrap();
        assert_eq!(serde_json::from_str::<Enrolment>(&json).unwrap(), enrolment);
        assert!(!json.contains("rahasia"));
        for wrong in ["", "00", &"g".repeat(64), &"é".repeat(32)] {
            assert_eq!(TokenDigest::try_from(wrong.to_owned()), Err(DigestError));
        }
    }
}
