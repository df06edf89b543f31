//! Values with a unit, as people write them: `30s`, `0.5%`, `64MiB`.

use std::borrow::Cow;

use baepo_core::time::Millis;
use baepo_core::weight::BasisPoints;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Deserialize;

/// A stretch of time as text, for example `1h30m`.
///
/// # Errors
/// A sentence fragment that says what is expected.
pub fn parse_duration(text: &str) -> Result<Millis, String> {
    let expected = || {
        "must be a duration with a unit, such as `500ms`, `30s`, `5m`, `1h30m` or `1d`".to_owned()
    };
    let units = [
        ("d", 86_400_000),
        ("h", 3_600_000),
        ("m", 60_000),
        ("s", 1000),
        ("ms", 1),
    ];
    let (mut rest, mut total, mut next_unit) = (text, 0_u64, 0);
    while !rest.is_empty() {
        let digits = rest
            .find(|c: char| !c.is_ascii_digit())
            .unwrap_or(rest.len());
        let number: u64 = rest[..digits].parse().map_err(|_| expected())?;
        rest = &rest[digits..];
        let letters = rest
            .find(|c: char| !c.is_ascii_alphabetic())
            .unwrap_or(rest.len());
        let unit = &rest[..letters];
        rest = &rest[letters..];
        let found = units.iter().position(|(name, _)| *name == unit);
        let Some(i) = found.filter(|i| *i >= next_unit) else {
            return Err(expected());
        };
        next_unit = i + 1;
        let part = number.checked_mul(units[i].1);
        total = part
            .and_then(|part| total.checked_add(part))
            .filter(|total| *total <= 366 * 86_400_000)
            .ok_or("must be at most a year")?;
    }
    if text.is_empty() {
        return Err(expected());
    }
    Ok(Millis(total))
}

/// A share as text in hundredths of a percent, for example `0.5%`; above
/// 10000 for amounts like `150%`.
fn parse_hundredths(text: &str) -> Option<u32> {
    let number = text.strip_suffix('%')?.trim_end();
    let (whole, part) = number.split_once('.').unwrap_or((number, "0"));
    let is_digits = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    if !is_digits(whole) || !is_digits(part) || part.len() > 2 || whole.len() > 4 {
        return None;
    }
    let whole: u32 = whole.parse().ok()?;
    let hundredths: u32 = format!("{part:0<2}").parse().ok()?;
    Some(whole * 100 + hundredths)
}

/// A share of traffic as text, for example `5%`.
///
/// # Errors
/// A sentence fragment that says what is expected.
pub fn parse_percent(text: &str) -> Result<BasisPoints, String> {
    parse_hundredths(text)
        .and_then(BasisPoints::new)
        .ok_or_else(|| "must be a percentage from `0%` to `100%` with at most two decimals, such as `5%` or `0.5%`".to_owned())
}

/// Instances: so many, or a share of n.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Amount {
    /// So many.
    Count(u32),
    /// Hundredths of a percent of n; may be above 10000.
    Share(u32),
}

impl Amount {
    /// Instances as text: `2` or `25%`.
    ///
    /// # Errors
    /// A sentence fragment that says what is expected.
    pub fn parse(text: &str) -> Result<Amount, String> {
        let share = || {
            parse_hundredths(text)
                .filter(|share| *share <= 100_000)
                .map(Amount::Share)
        };
        let count = || {
            text.parse()
                .ok()
                .filter(|count| *count <= 100_000)
                .map(Amount::Count)
        };
        share().or_else(count).ok_or_else(|| {
            "must be a count of instances or a percentage, such as `1` or `25%`".to_owned()
        })
    }

    /// Instances of n, parts rounded up.
    pub fn ceil(self, n: u32) -> u32 {
        match self {
            Amount::Count(count) => count,
            Amount::Share(share) => whole((u64::from(n) * u64::from(share)).div_ceil(10_000)),
        }
    }

    /// Instances of n, parts left out.
    pub fn floor(self, n: u32) -> u32 {
        match self {
            Amount::Count(count) => count,
            Amount::Share(share) => whole(u64::from(n) * u64::from(share) / 10_000),
        }
    }
}

fn whole(count: u64) -> u32 {
    u32::try_from(count).unwrap_or(u32::MAX)
}

/// A size in bytes as text, for example `64MiB`.
///
/// # Errors
/// A sentence fragment that says what is expected.
pub fn parse_size(text: &str) -> Result<u64, String> {
    let digits = text
        .find(|c: char| !c.is_ascii_digit())
        .unwrap_or(text.len());
    let factor = match text[digits..].trim_start() {
        "B" => Some(1),
        "KiB" => Some(1 << 10),
        "MiB" => Some(1 << 20),
        "GiB" => Some(1 << 30),
        "kB" => Some(1000),
        "MB" => Some(1_000_000),
        "GB" => Some(1_000_000_000),
        _ => None,
    };
    factor
        .and_then(|factor: u64| text[..digits].parse::<u64>().ok()?.checked_mul(factor))
        .ok_or_else(|| "must be a size with a unit, such as `512KiB`, `64MiB` or `1GiB`".to_owned())
}

/// A number of things as text, for example `1000`.
///
/// # Errors
/// A sentence fragment that says what is expected.
pub fn parse_count(text: &str) -> Result<u64, String> {
    text.parse::<u64>()
        .ok()
        .filter(|count| *count < 1_000_000_000)
        .ok_or_else(|| "must be a number, such as `1000`".to_owned())
}

/// A name of an app or environment: it becomes part of paths, addresses and
/// statuses.
///
/// # Errors
/// A sentence fragment that says what is expected.
pub fn check_name(text: &str) -> Result<(), String> {
    let is_inner = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-' || b == b'_';
    let first_is_plain = text
        .bytes()
        .next()
        .is_some_and(|b| b.is_ascii_lowercase() || b.is_ascii_digit());
    match first_is_plain && text.bytes().all(is_inner) && text.len() <= 63 {
        true => Ok(()),
        false => Err("must be a name of at most 63 lower-case letters, digits, `-` and `_`, such as `web-shop`".to_owned()),
    }
}

/// A name of an environment variable or secret.
///
/// # Errors
/// A sentence fragment that says what is expected.
pub fn check_variable(text: &str) -> Result<(), String> {
    let is_inner = |b: u8| b.is_ascii_alphanumeric() || b == b'_';
    let first_is_digit = text.bytes().next().is_none_or(|b| b.is_ascii_digit());
    match !first_is_digit && text.bytes().all(is_inner) {
        true => Ok(()),
        false => {
            Err("must be a name of letters, digits and `_`, such as `DATABASE_URL`".to_owned())
        }
    }
}

/// A URL path.
///
/// # Errors
/// A sentence fragment that says what is expected.
pub fn check_url_path(text: &str) -> Result<(), String> {
    match text.starts_with('/') && text.bytes().all(|b| b.is_ascii_graphic() && b != b'#') {
        true => Ok(()),
        false => Err("must be a URL path that begins with `/`, such as `/healthz`".to_owned()),
    }
}

/// A path inside the checkout.
///
/// # Errors
/// A sentence fragment that says what is expected.
pub fn check_inside_path(text: &str) -> Result<(), String> {
    let climbs = text.split(['/', '\\']).any(|part| part == "..");
    match !text.is_empty() && !text.starts_with('/') && !climbs {
        true => Ok(()),
        false => Err(
            "must be a path inside the checkout, without a leading `/` and without `..`".to_owned(),
        ),
    }
}

/// A file name inside a release.
///
/// # Errors
/// A sentence fragment that says what is expected.
pub fn check_file_name(text: &str) -> Result<(), String> {
    let is_inner = |c: char| !c.is_control() && c != '/' && c != '\\';
    match !text.is_empty()
        && text != "."
        && text != ".."
        && text.len() <= 255
        && text.chars().all(is_inner)
    {
        true => Ok(()),
        false => Err("must be a file name without folders, such as `shop.toml`".to_owned()),
    }
}

/// A SHA-256 of a file.
///
/// # Errors
/// A sentence fragment that says what is expected.
pub fn check_sha256(text: &str) -> Result<(), String> {
    let is_digit = |b: u8| b.is_ascii_digit() || (b'a'..=b'f').contains(&b);
    match text.len() == 64 && text.bytes().all(is_digit) {
        true => Ok(()),
        false => Err(
            "must be a SHA-256: 64 digits of `0-9a-f`, as `sha256sum FILE` prints them".to_owned(),
        ),
    }
}

/// Where a text is checked by its format; the same names stand in the schema.
pub(crate) fn check_format(format: &str, text: &str) -> Result<(), String> {
    match format {
        "baepo-duration" => parse_duration(text).map(drop),
        "baepo-percent" => parse_percent(text).map(drop),
        "baepo-amount" => Amount::parse(text).map(drop),
        "baepo-size" => parse_size(text).map(drop),
        "baepo-count" => parse_count(text).map(drop),
        "baepo-name" => check_name(text),
        "baepo-variable" => check_variable(text),
        "baepo-url-path" => check_url_path(text),
        "baepo-inside-path" => check_inside_path(text),
        "baepo-file-name" => check_file_name(text),
        "baepo-sha256" => check_sha256(text),
        "baepo-literal" => Ok(()),
        _ if text.is_empty() => Err("must not be empty".to_owned()),
        _ => Ok(()),
    }
}

/// Text of one format, checked before it is read into the type.
macro_rules! text_types {
    ($($(#[$doc:meta])* $name:ident $format:literal $pattern:literal $kinds:tt;)*) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub String);

        impl JsonSchema for $name {
            fn schema_name() -> Cow<'static, str> {
                stringify!($name).into()
            }
            fn inline_schema() -> bool {
                true
            }
            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                json_schema!({ "type": $kinds, "format": $format, "pattern": $pattern })
            }
        }
    )*};
}

text_types! {
    /// `30s`.
    DurationText "baepo-duration" r"^([0-9]+d)?([0-9]+h)?([0-9]+m)?([0-9]+s)?([0-9]+ms)?$" "string";
    /// `5%`.
    PercentText "baepo-percent" r"^[0-9]{1,3}(\.[0-9]{1,2})?\s*%$" "string";
    /// `2` or `25%`.
    AmountText "baepo-amount" r"^[0-9]{1,6}((\.[0-9]{1,2})?\s*%)?$" ["string", "integer"];
    /// `64MiB`.
    SizeText "baepo-size" r"^[0-9]+\s*(B|KiB|MiB|GiB|kB|MB|GB)$" "string";
    /// `1000`.
    CountText "baepo-count" r"^[0-9]{1,9}$" ["string", "integer"];
    /// `web-shop`.
    NameText "baepo-name" r"^[a-z0-9][a-z0-9_-]{0,62}$" "string";
    /// `DATABASE_URL`.
    VariableText "baepo-variable" r"^[A-Za-z_][A-Za-z0-9_]*$" "string";
    /// `/healthz`.
    UrlPathText "baepo-url-path" r"^/[!-~]*$" "string";
    /// `target/release/shop`.
    InsidePathText "baepo-inside-path" r"^[^/].*$" "string";
    /// `shop.toml`.
    FileNameText "baepo-file-name" r"^[^/\\]+$" "string";
    /// `9f86d081884c7d65…`, 64 digits; all of them may be decimal.
    Sha256Text "baepo-sha256" r"^[0-9a-f]{64}$" ["string", "number"];
    /// Any text that is not empty.
    PlainText "baepo-text" r"^[\s\S]+$" "string";
    /// One word of a command; numbers are taken as they are written.
    WordText "baepo-word" r"^[\s\S]+$" ["string", "number", "boolean"];
    /// Value of a variable; numbers are taken as they are written.
    LiteralText "baepo-literal" r"^[\s\S]*$" ["string", "number", "boolean"];
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_sums_of_falling_units() {
        let ms = |text| parse_duration(text).map(|Millis(ms)| ms).ok();
        assert_eq!(ms("500ms"), Some(500));
        assert_eq!(ms("30s"), Some(30_000));
        assert_eq!(ms("1h30m"), Some(5_400_000));
        assert_eq!(ms("1d"), Some(86_400_000));
        assert_eq!(ms("0s"), Some(0));
        for text in [
            "",
            "30",
            "s",
            "30x",
            "1m1h",
            "1m1m",
            "-1s",
            "1.5h",
            "1 h",
            "367d",
            "99999999999999999999d",
        ] {
            assert_eq!(ms(text), None, "{text}");
        }
    }

    #[test]
    fn percentages_keep_two_decimals() {
        let points = |text| parse_percent(text).map(BasisPoints::value).ok();
        assert_eq!(points("1%"), Some(100));
        assert_eq!(points("0.5%"), Some(50));
        assert_eq!(points("0.05 %"), Some(5));
        assert_eq!(points("100%"), Some(10_000));
        for text in ["", "%", "5", "101%", "-1%", "0.001%", ".5%", "5.%", "1e1%"] {
            assert_eq!(points(text), None, "{text}");
        }
    }

    #[test]
    fn a_share_of_instances_is_rounded_up_or_down() {
        let quarter = Amount::parse("25%").unwrap();
        assert_eq!((quarter.ceil(10), quarter.floor(10)), (3, 2));
        assert_eq!((quarter.ceil(4), quarter.floor(4)), (1, 1));
        assert_eq!(Amount::parse("150%").unwrap().ceil(3), 5);
        assert_eq!(Amount::parse("2").unwrap().floor(1), 2);
        assert!(Amount::parse("2.5").is_err());
        assert!(Amount::parse("-1").is_err());
    }

    #[test]
    fn sizes_have_units() {
        assert_eq!(parse_size("64MiB"), Ok(64 << 20));
        assert_eq!(parse_size("1 kB"), Ok(1000));
        assert!(parse_size("64").is_err());
        assert!(parse_size("99999999999999GiB").is_err());
    }

    #[test]
    fn names_and_paths_that_could_leave_their_place_are_refused() {
        assert!(check_name("web-shop_2").is_ok());
        for name in ["", "-a", "A", "a/b", "a.b", &"a".repeat(64)] {
            assert!(check_name(name).is_err(), "{name}");
        }
        assert!(check_inside_path("target/release/shop").is_ok());
        for path in ["", "/etc/passwd", "../x", "a/../../b"] {
            assert!(check_inside_path(path).is_err(), "{path}");
        }
        for name in ["", ".", "..", "a/b", "a\\b", "a\nb"] {
            assert!(check_file_name(name).is_err(), "{name}");
        }
    }
}
