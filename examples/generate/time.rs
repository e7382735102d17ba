//! Times as Kubernetes writes them.

/// 2026-01-15T08:00:00Z in microseconds since 1970.
pub const START_US: u64 = 1_768_464_000_000_000;
pub const MS: u64 = 1_000;
pub const SECOND: u64 = 1_000_000;

/// `2026-01-15T08:00:00.123456Z`, the time of an audit event.
pub fn micro_time(us: u64) -> String {
    let seconds = time(us);
    format!("{}.{:06}Z", &seconds[..seconds.len() - 1], us % SECOND)
}

/// `2026-01-15T08:00:00Z`, the time in an object.
pub fn time(us: u64) -> String {
    let seconds = us / SECOND;
    let (days, rest) = (seconds / 86_400, seconds % 86_400);
    // Days since 0000-03-01, in eras of 400 years (proleptic Gregorian calendar).
    let shifted = days + 719_468;
    let (era, of_era) = (shifted / 146_097, shifted % 146_097);
    let year_of_era = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * of_year + 2) / 153;
    let day = of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    let year = era * 400 + year_of_era + u64::from(month <= 2);
    format!("{year:04}-{month:02}-{day:02}T{:02}:{:02}:{:02}Z", rest / 3600, rest / 60 % 60, rest % 60)
}
