//! How often one customer may try cards in an hour: enough for a person who mistypes, too little to test stolen ones.

use jiff::{SignedDuration, Timestamp};
use ledger::{Mapping, Tries};

/// How long a try counts.
const COUNTED: SignedDuration = SignedDuration::from_hours(1);

/// Whether one more try fits under the bound.
pub fn may_try(tries: &Tries, now: Timestamp, max: u32) -> bool {
    let counted = tries.recent.iter().filter(|at| counts(**at, now)).count();
    u32::try_from(counted).is_ok_and(|counted| counted < max)
}

/// Counts a try; what is older than an hour is forgotten.
pub fn count_try(customer: &mut Mapping, now: Timestamp) {
    customer.card_tries.recent.retain(|at| counts(*at, now));
    customer.card_tries.recent.push(now);
}

fn counts(at: Timestamp, now: Timestamp) -> bool {
    now.duration_since(at) < COUNTED
}

#[cfg(test)]
mod tests {
    use super::*;
    use ledger::{Standing, Subject};

    #[test]
    fn a_customer_may_try_again_when_the_hour_is_over() {
        let start: Timestamp = "2026-11-21T09:00:00Z".parse().unwrap();
        let minute = |minutes| start.checked_add(SignedDuration::from_mins(minutes)).unwrap();
        let mut customer = Mapping::new(
            Subject::Customer(7.try_into().unwrap()),
            7.try_into().unwrap(),
            1.try_into().unwrap(),
            "stripe".parse().unwrap(),
            Standing::Active,
        );
        for minutes in [0, 10, 20] {
            assert!(may_try(&customer.card_tries, minute(minutes), 3));
            count_try(&mut customer, minute(minutes));
        }
        assert!(!may_try(&customer.card_tries, minute(59), 3));
        assert!(may_try(&customer.card_tries, minute(60), 3));
        count_try(&mut customer, minute(60));
        assert_eq!(customer.card_tries.recent.len(), 3, "what no longer counts is not kept");
        assert!(!may_try(&customer.card_tries, minute(60), 0), "a bound of none is a closed door");
    }
}
