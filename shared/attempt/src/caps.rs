//! How often, and how soon again, the card networks let one card be tried in vain: beyond that a renewal is refused without
//! asking.
//!
//! Visa allows 20 further tries in 30 days after a refusal (15 until April 2026, and many acquirers still say 15);
//! Mastercard 10 refused tries in 24 hours and 35 in 30 days. Beyond them each try costs a fee, and in the end the account.
//! Mastercard's advice may also name a time that must pass first.

use jiff::{SignedDuration, Timestamp};
use ledger::Mapping;
use payment::{Decline, DeclineClass, DeclineReason, Failure};
use settings::{SettingError, Settings};

/// How many renewals of one subscription may be refused with the same card.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Caps {
    /// In 24 hours.
    pub day: u32,
    /// In 30 days.
    pub month: u32,
}

const DAY: SignedDuration = SignedDuration::from_hours(24);
const MONTH: SignedDuration = SignedDuration::from_hours(30 * 24);
/// What the item keeps at most: the most that any network allows.
const KEPT_MAX: usize = 35;

impl Default for Caps {
    fn default() -> Self {
        Self { day: 10, month: 15 }
    }
}

impl Caps {
    /// Reads `DECLINES_PER_CARD_DAY_MAX` (10) and `DECLINES_PER_CARD_MONTH_MAX` (15); both at least 1, and at most what
    /// the most generous network allows.
    pub fn from_settings(settings: &Settings) -> Result<Self, SettingError> {
        let usual = Self::default();
        Ok(Self {
            day: bounded(settings, "DECLINES_PER_CARD_DAY_MAX", usual.day, 10)?,
            month: bounded(settings, "DECLINES_PER_CARD_MONTH_MAX", usual.month, 35)?,
        })
    }
}

fn bounded(settings: &Settings, name: &'static str, usual: u32, most: u32) -> Result<u32, SettingError> {
    let value = settings.parsed_or(name, usual)?;
    if (1..=most).contains(&value) {
        Ok(value)
    } else {
        Err(SettingError::malformed(name, format!("it is a number from 1 to {most}")))
    }
}

/// The refusal that a further try gets without asking: before the hour that the network named, and once the card has been
/// refused as often as it may be.
pub fn beyond(mapping: &Mapping, caps: Caps, now: Timestamp) -> Option<Decline> {
    let refusal = |reason, codes| Decline {
        class: DeclineClass::Soft,
        reason,
        codes,
        reference: None,
        retry_after: None,
    };
    if let Some(until) = mapping.not_before.filter(|until| now < *until) {
        let codes = format!("connector:not_before={}", until.strftime("%FT%RZ"));
        return Some(refusal(DeclineReason::TryAgainLater, codes));
    }
    let windows = [("24_hours", DAY, caps.day), ("30_days", MONTH, caps.month)];
    windows.into_iter().find_map(|(name, window, max)| {
        let refused = mapping.declines.iter().filter(|at| now.duration_since(**at) < window).count();
        (refused >= usize::try_from(max).unwrap_or(usize::MAX))
            .then(|| refusal(DeclineReason::LimitExceeded, format!("connector:declines_in_{name}={refused}")))
    })
}

/// Cleeng's dates are whole days apart, and so are the network's; but a date is asked for, and answered, some seconds sooner
/// or later. What comes this little too early waits rather than is refused.
const SOON: SignedDuration = SignedDuration::from_mins(15);

/// Sends back to the queue what comes just before the hour that the network named.
pub fn wait_a_moment(mapping: &Mapping, now: Timestamp) -> Result<(), Failure> {
    match mapping.not_before.map(|until| until.duration_since(now)) {
        Some(wait) if wait.is_positive() && wait <= SOON => {
            Err(Failure::retry(format!("the network allows no try of {} for {wait:#}", mapping.subject)))
        }
        _ => Ok(()),
    }
}

/// Counts a refusal of the gateway's. What never reached a bank does not count.
pub(crate) fn count_decline(mapping: &mut Mapping, decline: &Decline, now: Timestamp) {
    if decline.class == DeclineClass::Ours {
        return;
    }
    mapping.declines.retain(|at| now.duration_since(*at) < MONTH);
    mapping.declines.push(Timestamp::from_second(now.as_second()).unwrap_or(now));
    let surplus = mapping.declines.len().saturating_sub(KEPT_MAX);
    mapping.declines.drain(..surplus);
    mapping.not_before =
        mapping.not_before.max(decline.retry_after.and_then(|wait| now.checked_add(wait).ok()));
}

#[cfg(test)]
mod tests {
    use ledger::{Standing, Subject};

    use super::*;

    fn item() -> Mapping {
        let subject = Subject::Subscription(7.try_into().unwrap());
        let gateway = "stripe".parse().unwrap();
        Mapping::new(subject, 7.try_into().unwrap(), 1.try_into().unwrap(), gateway, Standing::Active)
    }

    fn refused(class: DeclineClass) -> Decline {
        Decline {
            class,
            reason: DeclineReason::GenericDecline,
            codes: String::new(),
            reference: None,
            retry_after: None,
        }
    }

    #[test]
    fn each_window_closes_the_door_for_as_long_as_it_is_full() {
        let start: Timestamp = "2026-11-21T09:00:00Z".parse().unwrap();
        let hour = |hours| start.checked_add(SignedDuration::from_hours(hours)).unwrap();
        let caps = Caps { day: 2, month: 4 };
        let mut item = item();
        let codes = |item: &Mapping, at| beyond(item, caps, at).map(|refusal| refusal.codes);
        for at in [0, 1] {
            assert_eq!(codes(&item, hour(at)), None);
            count_decline(&mut item, &refused(DeclineClass::Soft), hour(at));
        }
        assert_eq!(codes(&item, hour(23)).unwrap(), "connector:declines_in_24_hours=2");
        assert_eq!(codes(&item, hour(24)), None, "the first no longer counts");
        for at in [48, 96] {
            count_decline(&mut item, &refused(DeclineClass::Technical), hour(at));
        }
        assert_eq!(codes(&item, hour(200)).unwrap(), "connector:declines_in_30_days=4");
        assert_eq!(codes(&item, hour(30 * 24)), None);
        item.clear_declines();
        assert_eq!(codes(&item, hour(97)), None, "another card");
    }

    #[test]
    fn a_card_is_not_tried_before_the_hour_that_the_network_named() {
        let start: Timestamp = "2026-11-21T09:00:00Z".parse().unwrap();
        let minute = |minutes| start.checked_add(SignedDuration::from_mins(minutes)).unwrap();
        let mut item = item();
        let asks_to_wait = |hours| Decline {
            retry_after: Some(SignedDuration::from_hours(hours)),
            ..refused(DeclineClass::Soft)
        };
        count_decline(&mut item, &asks_to_wait(2), start);
        count_decline(&mut item, &asks_to_wait(1), start);
        let codes = |at| beyond(&item, Caps::default(), at).map(|refusal| refusal.codes);
        assert_eq!(
            codes(minute(119)).unwrap(),
            "connector:not_before=2026-11-21T11:00Z",
            "the longer wait counts"
        );
        assert_eq!(codes(minute(120)), None);
        let waits = |at| wait_a_moment(&item, at).is_err();
        assert!(!waits(minute(104)) && waits(minute(105)) && waits(minute(119)) && !waits(minute(120)));
        item.clear_declines();
        assert_eq!(beyond(&item, Caps::default(), minute(1)), None, "another card");
    }

    #[test]
    fn what_never_reached_a_bank_does_not_count_and_the_item_stays_small() {
        let now: Timestamp = "2026-11-21T09:00:00.123Z".parse().unwrap();
        let mut item = item();
        count_decline(&mut item, &refused(DeclineClass::Ours), now);
        assert!(item.declines.is_empty());
        for _ in 0..100 {
            count_decline(&mut item, &refused(DeclineClass::Soft), now);
        }
        assert_eq!(item.declines.len(), KEPT_MAX);
    }

    #[test]
    fn a_cap_beyond_every_network_is_refused_by_name() {
        let read =
            |value| Caps::from_settings(&Settings::from_table([("DECLINES_PER_CARD_MONTH_MAX", value)]));
        assert_eq!(read("20").unwrap(), Caps { day: 10, month: 20 });
        assert_eq!(
            read("36").unwrap_err().to_string(),
            "setting DECLINES_PER_CARD_MONTH_MAX does not serve: it is a number from 1 to 35"
        );
        assert!(read("0").is_err());
    }
}
