//! Between our words and Stripe's, without any I/O: what is asked becomes a request, what is answered an outcome.

mod look;
mod read;
mod request;
mod response;

pub(super) use look::{
    by_hand, done, error_code, found, is_gone, list, made_customer, may_be_gone, origin, owner, read,
};
pub(super) use read::{Approved, card, money, reference};
pub(super) use request::{CURRENCY, Operation, REFERENCE, request};
pub(super) use response::{Standing, acted_on, already_done, given_up, response, token_missing};
