//! Money in integer minor units, and the one border where Cleeng's decimals cross into it.

use std::fmt;
use std::str::FromStr;

use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

/// An ISO 4217 alphabetic code, upper case (`EUR`). Whether a gateway takes it is that gateway's table.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Currency([u8; 3]);

impl Currency {
    /// The three letters, upper case.
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).unwrap_or("XXX")
    }

    /// The three letters, lower case, as Stripe writes them.
    pub fn to_lower_case(&self) -> String {
        self.as_str().to_ascii_lowercase()
    }
}

impl FromStr for Currency {
    type Err = MoneyError;

    /// Reads three ASCII letters in either case.
    fn from_str(text: &str) -> Result<Self, MoneyError> {
        match text.as_bytes() {
            [a, b, c] if text.bytes().all(|letter| letter.is_ascii_alphabetic()) => {
                Ok(Self([a.to_ascii_uppercase(), b.to_ascii_uppercase(), c.to_ascii_uppercase()]))
            }
            _ => Err(MoneyError::NotACurrency),
        }
    }
}

impl TryFrom<String> for Currency {
    type Error = MoneyError;

    fn try_from(text: String) -> Result<Self, MoneyError> {
        text.parse()
    }
}

impl From<Currency> for String {
    fn from(currency: Currency) -> Self {
        currency.as_str().to_owned()
    }
}

impl fmt::Display for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// An amount as Cleeng says it: an exact decimal in major units (`6.99 EUR`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Price {
    /// Major units, exact.
    pub amount: Decimal,
    /// Its currency.
    pub currency: Currency,
}

impl Price {
    /// Nothing to pay.
    pub fn is_zero(&self) -> bool {
        self.amount.is_zero()
    }
}

impl fmt::Display for Price {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.amount, self.currency)
    }
}

/// How one gateway counts one currency. Stripe and Adyen differ from ISO 4217 and from each other,
/// so this always comes from a gateway's own table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MinorUnits {
    /// Decimal places between the major and the minor unit (2 for EUR, 0 for JPY).
    pub digits: u32,
    /// Amounts must be a multiple of this many minor units (100 for ISK at Stripe, 10 for its three-decimal currencies).
    pub multiple_of: i64,
}

/// An amount as a gateway counts it: integer minor units of that gateway's table. Never negative.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Money {
    /// Minor units (cents), zero or more.
    pub minor: i64,
    /// Its currency.
    pub currency: Currency,
}

impl Money {
    /// Crosses from Cleeng's decimal into a gateway's minor units: exactly, or not at all.
    pub fn from_price(price: Price, units: MinorUnits) -> Result<Self, MoneyError> {
        let shifted = Decimal::from(10_i64.checked_pow(units.digits).ok_or(MoneyError::TooLarge)?)
            .checked_mul(price.amount)
            .ok_or(MoneyError::TooLarge)?
            .normalize();
        if shifted.is_sign_negative() && !shifted.is_zero() {
            return Err(MoneyError::Negative { price });
        }
        if shifted.scale() != 0 {
            return Err(MoneyError::TooPrecise { price, digits: units.digits });
        }
        let minor = i64::try_from(shifted.mantissa()).map_err(|_| MoneyError::TooLarge)?;
        if minor.checked_rem(units.multiple_of).is_none_or(|rest| rest != 0) {
            return Err(MoneyError::NotAMultiple { price, multiple_of: units.multiple_of });
        }
        Ok(Self { minor, currency: price.currency })
    }

    /// Crosses back into Cleeng's major units; exact for every `Money`.
    pub fn to_price(self, units: MinorUnits) -> Price {
        Price { amount: Decimal::new(self.minor, units.digits).normalize(), currency: self.currency }
    }

    /// Nothing to pay.
    pub fn is_zero(self) -> bool {
        self.minor == 0
    }
}

impl fmt::Display for Money {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} minor units of {}", self.minor, self.currency)
    }
}

impl fmt::Debug for Money {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Why an amount cannot become [`Money`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MoneyError {
    /// Not three letters.
    #[error("a currency is three letters, such as EUR")]
    NotACurrency,
    /// The gateway's table has no such currency.
    #[error("{gateway} does not take {currency}")]
    UnknownCurrency {
        /// Whose table was asked.
        gateway: String,
        /// What was asked.
        currency: Currency,
    },
    /// Below zero.
    #[error("{price} is below zero")]
    Negative {
        /// What was asked.
        price: Price,
    },
    /// More decimals than the gateway counts.
    #[error("{price} has more than {digits} decimals and would have to be rounded")]
    TooPrecise {
        /// What was asked.
        price: Price,
        /// What the gateway counts.
        digits: u32,
    },
    /// The gateway takes this currency in larger steps only.
    #[error("{price} is not a multiple of {multiple_of} minor units, as the gateway requires")]
    NotAMultiple {
        /// What was asked.
        price: Price,
        /// The gateway's step.
        multiple_of: i64,
    },
    /// Beyond 64 bits of minor units.
    #[error("the amount is too large")]
    TooLarge,
}

#[cfg(test)]
mod tests {
    use super::*;

    const CENTS: MinorUnits = MinorUnits { digits: 2, multiple_of: 1 };

    fn price(amount: &str, currency: &str) -> Price {
        Price { amount: amount.parse().unwrap(), currency: currency.parse().unwrap() }
    }

    #[test]
    fn an_amount_crosses_exactly_or_not_at_all() {
        assert_eq!(Money::from_price(price("6.99", "EUR"), CENTS).unwrap().minor, 699);
        assert_eq!(Money::from_price(price("6.9900", "EUR"), CENTS).unwrap().minor, 699);
        assert_eq!(Money::from_price(price("-0.00", "EUR"), CENTS).unwrap().minor, 0);
        assert!(matches!(
            Money::from_price(price("5.7768", "EUR"), CENTS),
            Err(MoneyError::TooPrecise { .. })
        ));
        assert!(matches!(Money::from_price(price("-1", "EUR"), CENTS), Err(MoneyError::Negative { .. })));
        assert_eq!(
            Money::from_price(price("79228162514264337593543950335", "EUR"), CENTS),
            Err(MoneyError::TooLarge)
        );
        assert_eq!(Money::from_price(price("92233720368547758.08", "EUR"), CENTS), Err(MoneyError::TooLarge));
    }

    #[test]
    fn a_gateways_larger_step_is_kept() {
        let krona = MinorUnits { digits: 2, multiple_of: 100 };
        assert_eq!(Money::from_price(price("1500", "ISK"), krona).unwrap().minor, 150_000);
        assert!(matches!(
            Money::from_price(price("15.50", "ISK"), krona),
            Err(MoneyError::NotAMultiple { .. })
        ));
        let yen = MinorUnits { digits: 0, multiple_of: 1 };
        assert_eq!(Money::from_price(price("500", "JPY"), yen).unwrap().minor, 500);
        assert!(matches!(Money::from_price(price("500.5", "JPY"), yen), Err(MoneyError::TooPrecise { .. })));
    }

    #[test]
    fn a_currency_is_three_letters_in_either_case() {
        assert_eq!("eur".parse::<Currency>().unwrap().as_str(), "EUR");
        for wrong in ["", "EU", "EURO", "E1R", "ÉUR"] {
            assert_eq!(wrong.parse::<Currency>(), Err(MoneyError::NotACurrency), "{wrong}");
        }
    }
}
