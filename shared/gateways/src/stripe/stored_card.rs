//! The shape of our token at Stripe: `cus_…|pm_…`, or `cus_…` alone before a card is kept.

use payment::Token;

/// What a token says.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct StoredCard<'a> {
    /// Stripe's customer.
    pub(super) customer: &'a str,
    /// The stored payment method, once there is one.
    pub(super) payment_method: Option<&'a str>,
}

impl<'a> StoredCard<'a> {
    /// Reads a token; `None` where it is not one of ours.
    pub(super) fn read(token: &'a Token) -> Option<Self> {
        let (customer, payment_method) = match token.expose().split_once('|') {
            Some((customer, payment_method)) => (customer, Some(payment_method)),
            None => (token.expose(), None),
        };
        // Cards of Stripe's older APIs (`card_…`, `src_…`) serve as payment methods too.
        let fits = is_id(customer) && customer.starts_with("cus_") && payment_method.is_none_or(is_id);
        fits.then_some(Self { customer, payment_method })
    }
}

/// The token of a stored card.
pub(super) fn token(customer: &str, payment_method: &str) -> Token {
    Token::new(format!("{customer}|{payment_method}"))
}

/// Whether this can be an id of Stripe's (`kind_characters`): nothing that could leave its place in a path.
pub(super) fn is_id(text: &str) -> bool {
    text.len() <= 128
        && text.split_once('_').is_some_and(|(kind, rest)| !kind.is_empty() && !rest.is_empty())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_read_back_and_a_foreign_one_is_not() {
        let token = token("cus_1", "pm_2");
        let card = StoredCard::read(&token);
        assert!(card == Some(StoredCard { customer: "cus_1", payment_method: Some("pm_2") }));
        for wrong in
            ["", "pm_2", "cus_1|", "cus_1|../x", "cus_|pm_2", "cus_1|pm_2|x", "acct_1|pm_2", "cus_1|pm_a/b"]
        {
            assert!(StoredCard::read(&Token::new(wrong)).is_none(), "{wrong}");
        }
    }
}
