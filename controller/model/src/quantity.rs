//! Amounts of resources, as Kubernetes writes them: `100m`, `0.1`, `1Gi`, `1e3`.
//!
//! Two spellings of an amount are equal when their values are (`1Gi`, `1024Mi`, `1073741824`), and each has one
//! canonical spelling, which Go's encoder writes.

/// How an amount was written, which decides its canonical suffix.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Notation {
    /// Powers of 1000: `m`, `k`, `M`.
    Decimal,
    /// Powers of 1024: `Ki`, `Mi`.
    Binary,
    /// `e3`.
    Exponent,
}

/// An amount.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Quantity {
    /// In units of 10⁻⁹, the smallest that there are.
    nanos: i128,
    notation: Notation,
    /// The spelling, where Go keeps it although it is not canonical (`1.500`).
    kept: Option<String>,
}

/// The longest run of digits that Go reads without big numbers; longer ones have no kept spelling.
const SHORT_DIGITS: usize = 18;

impl Quantity {
    /// Reads an amount; `None` when it is none, or too large for 128 bits of nano units (10²⁹).
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        let (sign, unsigned) = match text.strip_prefix('-') {
            Some(rest) => (-1, rest),
            None => (1, text.strip_prefix('+').unwrap_or(text)),
        };
        let digits_end = unsigned.find(|letter: char| !letter.is_ascii_digit()).unwrap_or(unsigned.len());
        let (whole, rest) = unsigned.split_at(digits_end);
        let whole = whole.trim_start_matches('0');
        let (fraction, suffix) = match rest.strip_prefix('.') {
            Some(rest) => {
                let end = rest.find(|letter: char| !letter.is_ascii_digit()).unwrap_or(rest.len());
                rest.split_at(end)
            }
            None => ("", rest),
        };
        if digits_end == 0 && fraction.is_empty() {
            return None;
        }
        let whole = if whole.is_empty() { "0" } else { whole };
        let (notation, base, exponent) = suffix_meaning(suffix)?;
        let digits = format!("{whole}{fraction}");
        let unscaled: i128 = digits.parse().ok()?;
        let places = i32::try_from(fraction.len()).ok()?;
        let nanos = if base == 2 {
            scale_by_ten(
                unscaled.checked_mul(1_i128.checked_shl(u32::try_from(exponent).ok()?)?)?,
                9 - places,
            )?
        } else {
            scale_by_ten(unscaled, exponent.checked_sub(places)?.checked_add(9)?)?
        };
        let kept = if base == 2 {
            // Go's quick path: no fraction, and fifteen digits at most in decimal.
            let places = i32::try_from(whole.len()).ok()? + exponent * 3 / 10 + 1;
            fraction.is_empty() && places <= 15 && unscaled & 7 != 0
        } else {
            let scale = exponent.checked_sub(places)?;
            let canonical_looking = scale % 3 == 0 && !digits.ends_with("000") && !digits.starts_with('0');
            digits.len() <= SHORT_DIGITS && scale >= -9 && canonical_looking
        };
        // An amount below one in powers of 1024 is no whole number of bytes; Go goes on in powers of 1000.
        let notation =
            if notation == Notation::Binary && nanos < 1_000_000_000 { Notation::Decimal } else { notation };
        Some(Self { nanos: sign * nanos, notation, kept: kept.then(|| text.to_owned()) })
    }

    /// Whether it is nothing.
    pub(crate) fn is_zero(&self) -> bool {
        self.nanos == 0
    }

    /// Its value alone, equal for all spellings, rounded up to thousandths as an API server does with resources.
    pub(crate) fn value(&self) -> String {
        let thousandths = divide_up(self.nanos, 1_000_000);
        if thousandths % 1000 == 0 { (thousandths / 1000).to_string() } else { format!("{thousandths}m") }
    }

    /// As Go's encoder writes it.
    pub(crate) fn canonical(&self) -> String {
        if let Some(kept) = &self.kept {
            return kept.clone();
        }
        if self.nanos == 0 {
            return "0".to_owned();
        }
        let whole = self.nanos / 1_000_000_000;
        let is_whole = self.nanos % 1_000_000_000 == 0;
        if self.notation == Notation::Binary && is_whole && whole.unsigned_abs() >= 1024 {
            let suffixes = ["", "Ki", "Mi", "Gi", "Ti", "Pi", "Ei"];
            let (mantissa, suffix) = reduce(whole, 1024, &suffixes);
            return format!("{mantissa}{suffix}");
        }
        if self.notation == Notation::Exponent {
            let exponents =
                ["e-9", "e-6", "e-3", "", "e3", "e6", "e9", "e12", "e15", "e18", "e21", "e24", "e27"];
            let (mantissa, exponent) = reduce(self.nanos, 1000, &exponents);
            return format!("{mantissa}{exponent}");
        }
        let (mantissa, suffix) = reduce(self.nanos, 1000, &["n", "u", "m", "", "k", "M", "G", "T", "P", "E"]);
        format!("{mantissa}{suffix}")
    }
}

/// Divides as often as it goes without a rest, and gives the suffix of what is left.
fn reduce<'a>(mut mantissa: i128, by: i128, suffixes: &[&'a str]) -> (i128, &'a str) {
    let mut chosen = "";
    for (place, suffix) in suffixes.iter().enumerate() {
        chosen = suffix;
        if mantissa % by != 0 || place + 1 == suffixes.len() {
            break;
        }
        mantissa /= by;
    }
    (mantissa, chosen)
}

/// What a suffix means: the notation, the base and the exponent.
fn suffix_meaning(suffix: &str) -> Option<(Notation, u8, i32)> {
    let decimal = |exponent| Some((Notation::Decimal, 10, exponent));
    let binary = |exponent| Some((Notation::Binary, 2, exponent));
    match suffix {
        "n" => decimal(-9),
        "u" => decimal(-6),
        "m" => decimal(-3),
        "" => decimal(0),
        "k" => decimal(3),
        "M" => decimal(6),
        "G" => decimal(9),
        "T" => decimal(12),
        "P" => decimal(15),
        "E" => decimal(18),
        "Ki" => binary(10),
        "Mi" => binary(20),
        "Gi" => binary(30),
        "Ti" => binary(40),
        "Pi" => binary(50),
        "Ei" => binary(60),
        _ => {
            let exponent = suffix.strip_prefix(['e', 'E'])?.parse::<i16>().ok()?;
            Some((Notation::Exponent, 10, i32::from(exponent)))
        }
    }
}

/// `value · 10^exponent`, rounded up.
fn scale_by_ten(value: i128, exponent: i32) -> Option<i128> {
    let power = 10_i128.checked_pow(exponent.unsigned_abs());
    if exponent >= 0 {
        if value == 0 { Some(0) } else { value.checked_mul(power?) }
    } else {
        Some(power.map_or_else(|| value.signum(), |power| divide_up(value, power)))
    }
}

/// Divides and rounds away from zero.
fn divide_up(value: i128, by: i128) -> i128 {
    let quotient = value / by;
    if value % by == 0 { quotient } else { quotient + value.signum() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn spellings_of_one_amount_have_one_value() {
        for group in [
            vec!["100m", "0.1", ".1", "0.100", "100000u", "+0.1"],
            vec!["1", "1000m", "1.0", "1.", "1e0", "01"],
            vec!["1Gi", "1024Mi", "1073741824", "1048576Ki"],
            vec!["1.5Gi", "1536Mi"],
            vec!["1k", "1000", "1e3", "1E3", "0.001M"],
            vec!["0", "0Mi", "0m", "-0", "0.000"],
            vec!["0.5Ki", "512"],
            vec!["-1", "-1000m"],
            // Resources are rounded up to thousandths.
            vec!["1u", "1m", "1n", "999u"],
            vec!["3E", "3000P"],
        ] {
            let values: Vec<_> =
                group.iter().map(|text| Quantity::parse(text).map(|amount| amount.value())).collect();
            assert!(
                values.iter().all(|value| value.is_some() && *value == values[0]),
                "{group:?} {values:?}"
            );
        }
    }

    #[test]
    fn different_amounts_differ() {
        let value = |text| Quantity::parse(text).expect(text).value();
        for (one, other) in
            [("1", "2"), ("1M", "1Mi"), ("100m", "100"), ("1", "-1"), ("1k", "1Ki"), ("0", "1m")]
        {
            assert_ne!(value(one), value(other), "{one} {other}");
        }
    }

    /// Vectors from `resource.MustParse(x).MarshalJSON()` of k8s.io/apimachinery 0.36.
    #[test]
    fn is_spelled_as_go_does() {
        for (written, canonical) in [
            ("0.1", "100m"),
            ("0", "0"),
            ("0Mi", "0"),
            ("1000m", "1"),
            ("1000", "1k"),
            ("1500m", "1500m"),
            ("1.5", "1500m"),
            ("1.500", "1.500"),
            ("100000", "100k"),
            ("1024Mi", "1Gi"),
            ("1.5Gi", "1536Mi"),
            ("1000Mi", "1000Mi"),
            ("0.5Gi", "512Mi"),
            ("0.5Ki", "512"),
            ("1e3", "1e3"),
            ("10e3", "10e3"),
            ("1e4", "10e3"),
            ("1073741824", "1073741824"),
            ("1.1Ki", "1126400m"),
            ("17.Mi", "17.Mi"),
            ("016.Mi", "16Mi"),
            ("250m", "250m"),
        ] {
            assert_eq!(Quantity::parse(written).expect(written).canonical(), canonical, "{written}");
        }
    }

    #[test]
    fn what_is_no_amount_is_none() {
        for text in
            ["", "m", "1 Gi", "1Q", "1GiB", "--1", "1e", "abc", "1.2.3", "99999999999999999999999999E"]
        {
            assert_eq!(Quantity::parse(text), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_answered(text in "[-+]?[0-9]{0,30}[.]?[0-9]{0,12}[a-zA-Z0-9-]{0,4}") {
            if let Some(amount) = Quantity::parse(&text) {
                let canonical = Quantity::parse(&amount.canonical()).expect("the canonical spelling can be read");
                prop_assert_eq!(canonical.value(), amount.value());
                let value = Quantity::parse(&amount.value()).expect("the value can be read");
                prop_assert_eq!(value.value(), amount.value());
            }
        }
    }
}
