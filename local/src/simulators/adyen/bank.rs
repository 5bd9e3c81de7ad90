//! The bank's page of a redirect: its links lead back to the shop with what the buyer chose.

use rust_decimal::Decimal;

use super::answer::Answer;
use super::state::State;

/// The page; its style stands beside the shop's.
const PAGE: &str = include_str!("../../../checkout/bank.html");

/// The page for a payment that waits for its buyer.
pub(super) fn page(state: &mut State, psp: &str) -> Option<Answer> {
    let payment = state.payment(psp)?;
    let joint = if payment.return_url.contains('?') { '&' } else { '?' };
    let back = |result: &str| escaped(&format!("{}{joint}redirectResult={psp}.{result}", payment.return_url));
    let asked = payment.asked;
    let question = if asked.is_zero() {
        "Is this your card? No money moves.".to_owned()
    } else {
        let amount = Decimal::new(asked.minor, decimals(asked.currency.as_str()));
        format!("Do you pay {amount} {}?", asked.currency)
    };
    let facts = [
        ("{question}", escaped(&question)),
        ("{card}", escaped(&payment.last_four)),
        ("{reference}", escaped(&payment.reference)),
        ("{authorised}", back("authorised")),
        ("{refused}", back("refused")),
        ("{cancelled}", back("cancelled")),
    ];
    let page = facts.iter().fold(PAGE.to_owned(), |page, (name, value)| page.replace(name, value));
    Some(Answer::html(200, page))
}

/// As Adyen counts the currencies that the simulated shop sells in.
fn decimals(currency: &str) -> u32 {
    match currency {
        "JPY" => 0,
        "KWD" => 3,
        _ => 2,
    }
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('"', "&quot;").replace('<', "&lt;")
}
