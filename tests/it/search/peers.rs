//! The smallest gateway and the smallest Cleeng that a renewal can be played against: a few rows each, every row hashed.

use std::collections::BTreeMap;

use payment::{Approval, Decline, DeclineClass, DeclineReason, Intention, Outcome, Target, Verb};
use serde_json::{Value, json};

/// A gateway that recognises keys and forgives nothing else: a capture under another key captures once more.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct TinyGateway {
    /// What each key came to.
    pub(crate) keys: BTreeMap<String, Done>,
    /// Payments by the gateway's id.
    pub(crate) payments: BTreeMap<String, Held>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Done {
    pub(crate) identity: String,
    pub(crate) verb: Verb,
    /// The gateway's id of what was approved; none for a refusal.
    pub(crate) approved: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Held {
    pub(crate) token: String,
    pub(crate) held: i64,
    pub(crate) captured: i64,
    pub(crate) refunded: i64,
}

impl Held {
    pub(crate) fn kept(&self) -> i64 {
        self.captured - self.refunded
    }
}

impl TinyGateway {
    /// Whether this key did something here before.
    pub(crate) fn knows(&self, intention: &Intention) -> bool {
        self.keys.contains_key(intention.identity.key().as_str())
    }

    /// Acts once for each key; `declines` is what the bank thinks of a new charge.
    pub(crate) fn act(&mut self, intention: &Intention, declines: bool) -> Outcome {
        let key = intention.identity.key().as_str().to_owned();
        if !self.keys.contains_key(&key) {
            let approved = self.execute(intention, declines);
            let identity = intention.identity.to_string();
            self.keys.insert(key.clone(), Done { identity, verb: intention.verb, approved });
        }
        outcome(intention, &self.keys[&key])
    }

    fn execute(&mut self, intention: &Intention, declines: bool) -> Option<String> {
        let minor = intention.money.minor;
        match (&intention.target, intention.verb) {
            (Target::Token(_), Verb::Authorise | Verb::Charge) if declines => None,
            (Target::Token(token), verb) => {
                let id = format!("pay-{}", self.payments.len() + 1);
                let (held, captured) = if verb == Verb::Charge { (0, minor) } else { (minor, 0) };
                let token = token.expose().to_owned();
                self.payments.insert(id.clone(), Held { token, held, captured, refunded: 0 });
                Some(id)
            }
            (Target::Payment(reference), verb) => {
                let payment = self.payments.get_mut(reference.as_str())?;
                match verb {
                    Verb::Capture if payment.held > 0 || payment.captured > 0 => {
                        payment.captured += minor;
                        payment.held = 0;
                    }
                    Verb::Cancel if payment.captured == 0 => payment.held = 0,
                    Verb::Refund if payment.kept() >= minor => payment.refunded += minor,
                    _ => return None,
                }
                Some(reference.as_str().to_owned())
            }
            (Target::Buyer, _) => None,
        }
    }

    /// Money that is ours, in all.
    pub(crate) fn kept(&self) -> i64 {
        self.payments.values().map(Held::kept).sum()
    }

    /// Payments that hold or keep money.
    pub(crate) fn live(&self) -> usize {
        self.payments.values().filter(|it| it.held > 0 || it.kept() > 0).count()
    }
}

fn outcome(intention: &Intention, done: &Done) -> Outcome {
    match &done.approved {
        Some(reference) => Outcome::Approved(Approval {
            reference: reference.parse().unwrap(),
            money: intention.money,
            captured: matches!(intention.verb, Verb::Charge | Verb::Capture | Verb::Refund),
            token: None,
            card: None,
            capture_before: None,
        }),
        None => Outcome::Declined(Decline {
            class: DeclineClass::Soft,
            reason: DeclineReason::InsufficientFunds,
            codes: String::new(),
            reference: None,
            retry_after: None,
        }),
    }
}

/// A Cleeng with one subscription. Posted twice, a payment is there twice.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct TinyCleeng {
    pub(crate) orders: Vec<Order>,
    pub(crate) payments: Vec<Row>,
    pub(crate) ended: bool,
    /// How often the period was paid; an order is for the period that is open when it is made.
    pub(crate) periods_paid: usize,
    /// What must never happen.
    pub(crate) violation: Option<&'static str>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Order {
    period: usize,
    paid: bool,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Row {
    pub(crate) order: usize,
    pub(crate) status: String,
    pub(crate) external: String,
    /// Captured although the subscription had ended: only its return mends that.
    pub(crate) after_end: bool,
}

const REFUSED: (u16, &str) = (422, r#"{"message":"no"}"#);

impl TinyCleeng {
    /// Acts on one call and answers.
    pub(crate) fn act(&mut self, method: &str, path: &str, body: &str) -> (u16, String) {
        let body: Value = serde_json::from_str(body).unwrap_or_default();
        let parts: Vec<_> = path.trim_matches('/').split('/').collect();
        let answer = match (method, parts.as_slice()) {
            ("POST", ["orders"]) => self.order(),
            ("GET", ["orders", id, "payments"]) => {
                let of_order = |(_, row): &(usize, &Row)| row.order.to_string() == *id;
                let rows = self.payments.iter().enumerate().filter(of_order).map(|(id, row)| view(id, row));
                Ok(json!({ "success": true, "data": rows.collect::<Vec<_>>() }))
            }
            ("POST", ["payments"]) => self.post(&body),
            ("PATCH", ["payments", id]) => self.patch(id.parse().unwrap(), &body),
            ("PATCH", ["payments", id, "cancel"]) => self.cancel(id.parse().unwrap()),
            ("POST", ["subscriptions", _, "terminate"]) => {
                if std::mem::replace(&mut self.ended, true) {
                    Err(())
                } else {
                    Ok(json!({}))
                }
            }
            ("GET", ["subscriptions", id]) => Ok(json!({
                "subscriptionId": id, "status": if self.ended { "terminated" } else { "active" },
                "dateTo": super::world::PERIOD_END + 2_678_400 * i64::try_from(self.periods_paid).unwrap(),
            })),
            _ => panic!("{method} {path} is not known here"),
        };
        match answer {
            Ok(value) => (200, value.to_string()),
            Err(()) => (REFUSED.0, REFUSED.1.to_owned()),
        }
    }

    fn order(&mut self) -> Result<Value, ()> {
        if self.ended {
            return Err(());
        }
        self.orders.push(Order { period: self.periods_paid, paid: false });
        Ok(json!({
            "id": self.orders.len(), "customerId": 5, "offerId": "S916977979_NL", "totalPrice": "6.99",
            "currency": "EUR", "country": "NL", "paymentMethodId": 194_856_795,
        }))
    }

    fn post(&mut self, body: &Value) -> Result<Value, ()> {
        let order = usize::try_from(body["orderId"].as_u64().unwrap()).unwrap();
        let status = body["status"].as_str().unwrap().to_owned();
        let external = body["externalPaymentId"].as_str().unwrap().to_owned();
        if self.orders[order - 1].paid {
            self.violation = Some("a second payment was posted for an order that was paid");
            return Err(());
        }
        if self.payments.iter().any(|row| row.external == external && row.status == status) {
            self.violation = Some("a payment was posted twice");
        }
        self.payments.push(Row { order, status, external, after_end: false });
        let id = self.payments.len();
        self.captured(id);
        Ok(json!({ "success": true, "payment": view(id - 1, &self.payments[id - 1]) }))
    }

    fn patch(&mut self, id: usize, body: &Value) -> Result<Value, ()> {
        let row = &mut self.payments[id - 1];
        let status = body["status"].as_str().unwrap();
        let fits = match (row.status.as_str(), status) {
            ("captured", "captured") => return Ok(view(id - 1, row)),
            ("authorized" | "rejected", "captured") => true,
            ("authorized" | "captured" | "rejected", "rejected") => true,
            ("captured", "refunded") => true,
            _ => false,
        };
        if !fits {
            return Err(());
        }
        row.status = status.to_owned();
        if let Some(external) = body["externalPaymentId"].as_str() {
            row.external = external.to_owned();
        }
        self.captured(id);
        Ok(json!({ "success": true, "payment": view(id - 1, &self.payments[id - 1]) }))
    }

    fn cancel(&mut self, id: usize) -> Result<Value, ()> {
        let row = &mut self.payments[id - 1];
        if row.status != "authorized" {
            return Err(());
        }
        row.status = "cancelled".to_owned();
        Ok(json!({}))
    }

    /// What follows where a payment now stands captured.
    fn captured(&mut self, id: usize) {
        let row = &mut self.payments[id - 1];
        if row.status != "captured" {
            return;
        }
        let order = &mut self.orders[row.order - 1];
        order.paid = true;
        row.after_end = self.ended;
        if order.period < self.periods_paid {
            self.violation = Some("a period was paid twice");
        } else {
            self.periods_paid += 1;
        }
    }
}

fn view(index: usize, row: &Row) -> Value {
    json!({ "id": index + 1, "orderId": row.order, "status": row.status, "externalPaymentId": row.external })
}
