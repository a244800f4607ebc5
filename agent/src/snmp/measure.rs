//! What a number that a device sends means: a profile's rule applied to it.
//!
//! The rule it guards: a value that stands for "no reading" is none. Neither is one that cannot be: the power of a light
//! that no module sends or bears.

use kentongan_model::{
    gauge::GaugeKind,
    profile::{Rule, Take},
};

use super::pdu::Value;

/// Optical and radio power that a port or an aerial may see, in dBm; a number outside is a code for something else.
const DBM: std::ops::RangeInclusive<f64> = -130.0..=70.0;
/// The same of light. -40 dBm is how many devices say "no light", and kept: it tells more than silence.
const OPTICAL_DBM: std::ops::RangeInclusive<f64> = -60.0..=30.0;

/// A value that was read, as it is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Cell {
    Number(i64),
    Text(Vec<u8>),
}

/// How the numbers of one row are to be read.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Scale {
    /// What they are multiplied by.
    pub(super) times: f64,
    /// Whether they are the unit's own numbers though the rule takes them for a power.
    pub(super) is_as_witnessed: bool,
}

impl Cell {
    pub(super) fn of(value: Value<'_>) -> Option<Cell> {
        match value {
            Value::Integer(number) => Some(Cell::Number(number)),
            Value::Unsigned(number) => Some(Cell::Number(i64::try_from(number).unwrap_or(i64::MAX))),
            // No reading is longer; the rest of a text is nothing that a gauge or its place needs.
            Value::Text(bytes) => Some(Cell::Text(bytes[..bytes.len().min(255)].to_vec())),
            Value::Id(_) | Value::Missing | Value::Other => None,
        }
    }

    /// Its number, taken as a rule says.
    pub(super) fn number(&self, take: Take) -> Option<f64> {
        match self {
            // A reading has fewer digits than a double.
            Cell::Number(number) => Some(*number as f64),
            Cell::Text(bytes) => number_in(&String::from_utf8_lossy(bytes), take),
        }
    }
}

/// The number that is meant in a text.
fn number_in(text: &str, take: Take) -> Option<f64> {
    let text = match take {
        Take::Number => text,
        Take::Bracketed => text.rsplit_once('(').map_or(text, |(_, after)| after),
    };
    let is_digit = |at: usize| text.as_bytes().get(at).is_some_and(u8::is_ascii_digit);
    let first = (0..text.len()).find(|at| is_digit(*at))?;
    let start = if first > 0 && matches!(text.as_bytes()[first - 1], b'-') { first - 1 } else { first };
    let rest = &text[first..];
    let mut points = 0;
    let length = rest
        .bytes()
        .take_while(|byte| {
            points += usize::from(*byte == b'.');
            byte.is_ascii_digit() || (*byte == b'.' && points == 1)
        })
        .count();
    text[start..first + length].trim_end_matches('.').parse().ok()
}

/// A power of ten, as devices tell them: whole.
fn ten_to(exponent: f64) -> f64 {
    10f64.powi(exponent as i32)
}

/// How a row's numbers are to be read, by its neighbours: digits behind the point, decimal prefix, and the witness.
pub(super) fn scale(rule: &Rule, own: Option<&Cell>, neighbour: impl Fn(u32) -> Option<f64>) -> Scale {
    let mut times = rule.times;
    if let Some(digits) = rule.precision.and_then(&neighbour) {
        times *= ten_to(-digits);
    }
    if let Some(prefix) = rule.prefix.and_then(&neighbour) {
        // EntitySensorDataScale: yocto is 1, the unit itself 9, and each step three digits (RFC 3433).
        times *= ten_to(3.0 * (prefix - 9.0));
    }
    let Some(witness) = rule.unless_as else { return Scale { times, is_as_witnessed: false } };
    let certain = neighbour(witness.column).map(|number| number * witness.times);
    let own = own.and_then(|own| own.number(rule.take));
    let agrees = match (own, certain) {
        // A power is not negative.
        (Some(own), _) if own < 0.0 => true,
        (Some(own), Some(certain)) => (own * witness.times - certain).abs() < 0.5,
        _ => false,
    };
    if agrees {
        Scale { times: witness.times, is_as_witnessed: true }
    } else {
        Scale { times, is_as_witnessed: false }
    }
}

/// A reading in thousandths of the kind's unit; none where there is none.
pub(super) fn measure(rule: &Rule, scale: Scale, cell: &Cell) -> Option<i64> {
    let mut number = cell.number(rule.take)?;
    if rule.sixteen_bits && (32_768.0..65_536.0).contains(&number) {
        number -= 65_536.0;
    }
    #[expect(clippy::float_cmp, reason = "whole numbers, as they were sent")]
    if rule.none.iter().any(|none| *none as f64 == number) {
        return None;
    }
    let scaled = number * scale.times + rule.plus;
    let value = match rule.power {
        Some(unit) if !scale.is_as_witnessed => 10.0 * (scaled * unit.milliwatts()).log10(),
        _ => scaled,
    };
    let can_be = match rule.kind {
        GaugeKind::RxDbm | GaugeKind::TxDbm => OPTICAL_DBM.contains(&value),
        GaugeKind::RssiDbm | GaugeKind::NoiseDbm => DBM.contains(&value),
        _ => value.is_finite() && value.abs() < 1e15,
    };
    can_be.then(|| (value * 1_000.0).round() as i64)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rule(text: &str) -> Rule {
        toml::from_str(text).unwrap()
    }

    fn read(text: &str, cell: &Cell) -> Option<i64> {
        let rule = rule(text);
        measure(&rule, scale(&rule, Some(cell), |_| None), cell)
    }

    #[test]
    fn a_text_gives_the_number_that_is_meant() {
        let of = |text: &str, take| number_in(text, take);
        assert_eq!(of("6.56 dbm", Take::Number), Some(6.56));
        assert_eq!(of("0.03 mW (-14.61 dBm)", Take::Bracketed), Some(-14.61));
        assert_eq!(of("-14.61", Take::Bracketed), Some(-14.61));
        assert_eq!(of("-1.25,-1.39", Take::Number), Some(-1.25));
        assert_eq!(of("suhu 40. derajat", Take::Number), Some(40.0));
        for nothing in ["", "-", "N/A", "--", "()"] {
            assert_eq!(of(nothing, Take::Number), None, "{nothing}");
        }
        assert_eq!(of("kabel é(é", Take::Bracketed), None);
    }

    #[test]
    fn codes_for_no_reading_are_none() {
        let rx = "kind = 'rx_dbm'\ncolumn = 1\ntimes = 0.01\nnone = [0]";
        assert_eq!(read(rx, &Cell::Number(-1737)), Some(-17_370));
        assert_eq!(read(rx, &Cell::Number(-4000)), Some(-40_000));
        for none in [0, 2_147_483_647, 65_535, -99_999_999, i64::MIN] {
            assert_eq!(read(rx, &Cell::Number(none)), None, "{none}");
        }
        let power = "kind = 'tx_dbm'\ncolumn = 1\npower = 'uW'";
        assert_eq!(read(power, &Cell::Number(252)), Some(-5_986));
        assert_eq!(read(power, &Cell::Number(0)), None);
        assert_eq!(read(power, &Cell::Number(-32_768)), None);
        let sixteen =
            "kind = 'rx_dbm'\ncolumn = 1\nsixteen_bits = true\ntimes = 0.002\nplus = -30\nnone = [-1]";
        assert_eq!(read(sixteen, &Cell::Number(65_036)), Some(-31_000));
        assert_eq!(read(sixteen, &Cell::Number(65_535)), None);
    }

    #[test]
    fn a_number_that_agrees_with_its_witness_is_no_power() {
        let rule = rule(
            "kind = 'rx_dbm'\ncolumn = 8\npower = 'uW'\nnone = [-1, 0]\nunless_as = { column = 32, times = 0.01 }",
        );
        let read = |own: i64, witness: Option<f64>| {
            let cell = Cell::Number(own);
            measure(&rule, scale(&rule, Some(&cell), |_| witness), &cell)
        };
        assert_eq!(read(78, Some(-1104.03)), Some(-11_079), "microwatts");
        assert_eq!(read(256, Some(256.0)), Some(2_560), "hundredths of a dBm");
        assert_eq!(read(-290, None), Some(-2_900), "what is negative is no power");
        assert_eq!(read(-1, Some(-1.0)), None);
        assert_eq!(read(78, None), Some(-11_079));
    }

    #[test]
    fn neighbours_say_digits_and_prefix() {
        let rule = rule("kind = 'tx_dbm'\ncolumn = 4\npower = 'W'\nprecision = 3\nprefix = 2");
        let cell = Cell::Number(2_210);
        let scale = scale(&rule, Some(&cell), |column| Some(if column == 3 { 4.0 } else { 8.0 }));
        assert_eq!(measure(&rule, scale, &cell), Some(-6_556));
    }
}
