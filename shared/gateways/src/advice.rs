//! How long Mastercard's merchant advice codes bid to wait; Stripe and Adyen pass the codes on unchanged.

use jiff::SignedDuration;

/// The wait before the same card may be tried again. A try before it costs a fee.
pub(crate) fn retry_after(code: &str) -> Option<SignedDuration> {
    let known = HOURS.iter().find(|(known, _)| *known == code);
    known.map(|(_, hours)| SignedDuration::from_hours(*hours))
}

const HOURS: [(&str, i64); 7] =
    [("24", 1), ("25", 24), ("26", 2 * 24), ("27", 4 * 24), ("28", 6 * 24), ("29", 8 * 24), ("30", 10 * 24)];
