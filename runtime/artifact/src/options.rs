//! A plugin as an operator names it: where it is, and what it may use.

use std::str::FromStr;

use crate::error::{LoadError, LoadReason};
use crate::limits::Limits;
use crate::location::Source;
use crate::stage::Stage;

/// A source and the limits of its plugin: `LOCATION[,sha256=HEX][,max-size=BYTES][,memory=BYTES][,fuel=UNITS][,allow-http=true]`,
/// in any order.
/// Numbers can be written like Kubernetes quantities: `32Mi`, `2G`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LimitedSource {
    /// Where the plugin is, and what it must hash to.
    pub source: Source,
    /// What it may use: the defaults, where nothing else was said.
    pub limits: Limits,
    /// Whether plain http will do for it.
    pub allow_http: bool,
}

/// The largest component that can be asked for. One with an interpreter has 10 to 40 MiB, and compiling takes some twenty
/// times its size in memory.
const LARGEST_COMPONENT: u64 = 256 << 20;

/// The largest memory that can be asked for: what 32-bit guests can address.
const LARGEST_MEMORY: u64 = 4 << 30;

const OPTIONS: &str = "the options are ,sha256=HEX ,max-size=BYTES ,memory=BYTES ,fuel=UNITS and ,allow-http=true, each at most once";

impl FromStr for LimitedSource {
    type Err = LoadError;

    fn from_str(text: &str) -> Result<Self, LoadError> {
        let mut limits = Limits::default();
        let mut rest = text;
        let mut sha256 = None;
        let mut allow_http = false;
        let mut given = Vec::new();
        // From the end, so that a path may have commas.
        while let Some((before, option)) = rest.rsplit_once(',')
            && let Some((key, value)) = option.split_once('=')
        {
            if given.contains(&key) {
                return Err(invalid(format!("{text:?} has the option {key:?} twice"), OPTIONS));
            }
            given.push(key);
            match key {
                "sha256" => sha256 = Some(value),
                "max-size" => limits.artifact_bytes = number(key, value, LARGEST_COMPONENT)?,
                "memory" => {
                    limits.memory_bytes =
                        usize::try_from(number(key, value, LARGEST_MEMORY)?).unwrap_or(usize::MAX);
                }
                "allow-http" => {
                    allow_http = value.parse().map_err(|_| {
                        invalid(
                            format!("allow-http={value} is neither true nor false"),
                            "write ,allow-http=true where plain http will do",
                        )
                    })?;
                }
                "fuel" => limits.fuel = number(key, value, u64::MAX)?,
                _ => return Err(invalid(format!("{text:?} has the unknown option {key:?}"), OPTIONS)),
            }
            rest = before;
        }
        let source = match sha256 {
            Some(hex) => format!("{rest},sha256={hex}").parse()?,
            None => Source { location: rest.parse()?, sha256: None },
        };
        Ok(Self { source, limits, allow_http })
    }
}

/// A whole number as Kubernetes writes quantities: with one of the suffixes Ki, Mi, Gi, k, M and G, or without. `None`: it is
/// none, or too large.
pub fn quantity(text: &str) -> Option<u64> {
    const SUFFIXES: [(&str, u64); 6] = [
        ("Ki", 1 << 10),
        ("Mi", 1 << 20),
        ("Gi", 1 << 30),
        ("k", 1_000),
        ("M", 1_000_000),
        ("G", 1_000_000_000),
    ];
    let (digits, unit) = SUFFIXES
        .iter()
        .find_map(|(suffix, unit)| text.strip_suffix(suffix).map(|digits| (digits, *unit)))
        .unwrap_or((text, 1));
    let plain = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    digits.parse::<u64>().ok().filter(|_| plain).and_then(|number| number.checked_mul(unit))
}

/// A number above 0, with or without a suffix.
fn number(key: &str, text: &str, most: u64) -> Result<u64, LoadError> {
    match quantity(text) {
        Some(number) if (1..=most).contains(&number) => Ok(number),
        Some(number) if number > most => {
            Err(invalid(format!("{key}={text} is too much"), &format!("it can be {most} at most")))
        }
        _ => Err(invalid(
            format!("{key}={text} is no number"),
            "write a whole number above 0, with Ki, Mi, Gi, k, M or G behind it or without: 32Mi",
        )),
    }
}

fn invalid(message: String, hint: &str) -> LoadError {
    LoadError::new(Stage::Read, LoadReason::InvalidConfig, message, hint)
}
