//! Payments by what came of them, day by day, for the console's plot.

use std::collections::BTreeMap;

use serde::Serialize;

use super::books::Books;

/// One day's payments at the gateways, by the day on which they were made.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub(super) struct Day {
    day: String,
    captured: usize,
    held: usize,
    refused: usize,
    returned: usize,
}

/// More are drawn as one line anyway.
const DAYS_MAX: usize = 400;

/// Days on which there was a payment, oldest first.
pub(super) fn days(books: &Books) -> Vec<Day> {
    let mut days: BTreeMap<String, Day> = BTreeMap::new();
    for taken in books.at_gateways.values().flatten() {
        let day = taken.payment.created.strftime("%Y-%m-%d").to_string();
        let place = days.entry(day.clone()).or_insert_with(|| Day { day, ..Day::default() });
        match taken.standing() {
            "captured" => place.captured += 1,
            "held" => place.held += 1,
            "refused" => place.refused += 1,
            "refunded" | "partly refunded" | "disputed" => place.returned += 1,
            _ => {}
        }
    }
    let surplus = days.len().saturating_sub(DAYS_MAX);
    days.into_values().skip(surplus).collect()
}
