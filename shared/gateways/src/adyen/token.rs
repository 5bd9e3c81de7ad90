//! The recurring token as Cleeng and the ledger keep it: `shopperReference|storedPaymentMethodId`, because Adyen charges only both together.

use payment::{CustomerId, Token};

/// Both halves of a token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct StoredCard {
    pub(super) shopper: String,
    pub(super) id: String,
}

impl StoredCard {
    /// Reads a token. One without a shopper (migrated from elsewhere) is the customer's own. `None` where it is another
    /// customer's: no slip of the ledger may charge somebody else's card.
    pub(super) fn read(token: &Token, customer: CustomerId) -> Option<Self> {
        let own = shopper(customer);
        let (shopper, id) = match token.expose().split_once('|') {
            Some((shopper, id)) => (shopper.to_owned(), id.to_owned()),
            None => (own.clone(), token.expose().to_owned()),
        };
        let foreign = shopper.starts_with(PREFIX) && shopper != own;
        (!foreign && !id.is_empty()).then_some(Self { shopper, id })
    }
}

/// The token of both halves.
pub(super) fn token(shopper: &str, id: &str) -> Token {
    Token::new(format!("{shopper}|{id}"))
}

/// Adyen's `shopperReference` of a customer: at least three characters, and nothing personal.
pub(super) fn shopper(customer: CustomerId) -> String {
    format!("{PREFIX}{customer}")
}

/// The customer in a token; `None` where it came from an earlier system.
pub(super) fn owner(token: &Token) -> Option<CustomerId> {
    token.expose().split_once('|')?.0.strip_prefix(PREFIX)?.parse().ok()
}

const PREFIX: &str = "cleeng-";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_charges_its_own_customer_alone() {
        let (anna, bert): (CustomerId, CustomerId) = ("338816082".parse().unwrap(), "12".parse().unwrap());
        let hers = token(&shopper(anna), "M5N7TQ4TG5PFWR50");
        let read = StoredCard::read(&hers, anna).unwrap();
        assert_eq!((read.shopper.as_str(), read.id.as_str()), ("cleeng-338816082", "M5N7TQ4TG5PFWR50"));
        assert_eq!(StoredCard::read(&hers, bert), None);
    }

    #[test]
    fn a_token_from_an_earlier_system_keeps_its_shopper() {
        let anna: CustomerId = "338816082".parse().unwrap();
        let migrated = StoredCard::read(&Token::new("old-shop-77|ABC"), anna).unwrap();
        assert_eq!(migrated.shopper, "old-shop-77");
        assert_eq!(StoredCard::read(&Token::new("ABC"), anna).unwrap().shopper, "cleeng-338816082");
        assert_eq!(StoredCard::read(&Token::new("old-shop-77|"), anna), None);
    }
}
