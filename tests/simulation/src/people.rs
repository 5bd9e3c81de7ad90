//! What people do: buy, prove to be people, authenticate, come back.

mod cards;
mod happenings;

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use local::buyer::{Billing, method, method_for};
use local::simulators::GatewayPayment;
use local::simulators::cleeng::{CleengSubscription, SubscriptionState};
use serde_json::{Value, json};

use crate::plan::{Card, Person, Purchase};
use crate::story;
use crate::world::World;

use cards::{browser, data};
pub(crate) use happenings::banks_decide;

/// A customer who lives.
pub(crate) struct Customer {
    gateway: &'static str,
    id: u64,
    orders: RefCell<Vec<(u64, Card)>>,
}

/// A page on which a card is given: for an order, or for whatever its customer has.
struct Page {
    call: &'static str,
    body: Value,
    card: Card,
    impatient: bool,
}

/// The page shows "still waiting" so often before the buyer goes away.
const LOOKS_MAX: usize = 6;
/// A card's challenge has a fingerprint before it at one of the gateways.
const CHALLENGES_MAX: usize = 3;

/// Lives a customer's life, each purchase and happening at its hour.
pub(crate) async fn live(world: Rc<World>, person: Person) {
    let made = world.control("cleeng", "customers", &json!({}));
    let Some(id) = made.and_then(|made| made.get("customerId").and_then(Value::as_u64)) else { return };
    let customer = Rc::new(Customer { gateway: person.gateway, id, orders: RefCell::default() });
    for purchase in person.purchases {
        let (world, customer) = (world.clone(), customer.clone());
        tokio::task::spawn_local(async move {
            tokio::time::sleep(Duration::from_secs(purchase.after)).await;
            buy(&world, &customer, &purchase).await;
        });
    }
    for (after, happening) in person.happenings {
        let (world, customer) = (world.clone(), customer.clone());
        tokio::task::spawn_local(async move {
            tokio::time::sleep(Duration::from_secs(after)).await;
            story::tell(|| format!("{happening:?} happens to customer {}", customer.id));
            happenings::happen(&world, &customer, happening).await;
        });
    }
}

async fn buy(world: &Rc<World>, customer: &Customer, purchase: &Purchase) {
    let order = json!({
        "customerId": customer.id, "offerId": purchase.offer.id, "currency": purchase.offer.currency,
        "country": purchase.offer.country, "couponCode": purchase.coupon,
        "paymentMethodId": method_for(customer.gateway, purchase.billing),
    });
    let made = world.control("cleeng", "orders", &order);
    let Some(order) = made.and_then(|made| made.get("id").and_then(Value::as_u64)) else { return };
    if purchase.asks_methods {
        customer.post(world, "payment-methods", &json!({ "orderId": order })).await;
    }
    for card in &purchase.cards {
        customer.orders.borrow_mut().push((order, *card));
        let page = Page { impatient: purchase.impatient, ..customer.checkout(order, *card) };
        let first = customer.solved(world, &page);
        if purchase.twice {
            let (again, jwt) = (first.clone(), customer.jwt(world));
            let (world, gateway) = (world.clone(), customer.gateway);
            tokio::task::spawn_local(
                async move { world.page(gateway, "initial-payment", &jwt, &again).await },
            );
        }
        let refused = give(world, customer, &page, &first).await;
        if !refused || purchase.impatient {
            return;
        }
    }
}

/// Posts a card, acts where that is asked, and asks again while nothing is known. Whether it was refused.
async fn give(world: &World, customer: &Customer, page: &Page, first: &Value) -> bool {
    let mut reply = customer.post(world, page.call, first).await;
    let mut challenges = 0;
    for _ in 0..LOOKS_MAX {
        match &reply {
            Some((200, answer)) if answer.pointer("/responseData/action").is_some() => {
                if page.impatient || challenges == CHALLENGES_MAX {
                    return false;
                }
                challenges += 1;
                tokio::time::sleep(Duration::from_secs(5 + world.chance.below("buyer", 200))).await;
                reply = authenticate(world, customer, page, answer).await;
            }
            Some((200, _)) => return false,
            Some((400 | 422, answer)) if answer.to_string().contains("captcha") => {
                world.note("captchas refused");
                if page.impatient {
                    return false;
                }
                tokio::time::sleep(Duration::from_secs(2 + world.chance.below("buyer solves", 60))).await;
                reply = customer.post(world, page.call, &customer.solved(world, page)).await;
            }
            Some((422 | 400 | 401 | 429, _)) => return true,
            _ if page.impatient => return false,
            _ => {
                tokio::time::sleep(Duration::from_secs(2 + world.chance.below("buyer waits", 90))).await;
                reply = customer.post(world, page.call, &customer.solved(world, page)).await;
            }
        }
    }
    false
}

async fn authenticate(
    world: &World,
    customer: &Customer,
    page: &Page,
    answer: &Value,
) -> Option<(u16, Value)> {
    let text = |pointer: &str| answer.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
    let passes = page.card != Card::AsksAndFails;
    let details = if customer.gateway == "adyen" {
        let payment = text("/responseData/action/token");
        let result = match (text("/responseData/action/subtype"), passes) {
            ("fingerprint", _) => "",
            (_, true) => ".authorised",
            (_, false) => ".refused",
        };
        json!({ "threeDSResult": format!("{payment}{result}") })
    } else {
        let payment = text("/responseData/action/id");
        let result = if passes { "success" } else { "fail" };
        world.control("stripe", &format!("authenticate/{payment}"), &json!({ "result": result }));
        json!({})
    };
    let key = if page.body.get("orderId").is_some() { "orderId" } else { "paymentMethodId" };
    let id = page.body.get(key).cloned().unwrap_or_default();
    let call = format!("{}/finalize", page.call);
    customer.post(world, &call, &json!({ key: id, "details": details })).await
}

impl Customer {
    /// Logged in anew: a token lives half an hour.
    fn jwt(&self, world: &World) -> String {
        let made = world.peers.cleeng_host.control(&format!("customers/{}/token", self.id), &json!({}));
        let made: Value = serde_json::from_slice(made.body()).unwrap_or_default();
        made.get("jwt").and_then(Value::as_str).unwrap_or_default().to_owned()
    }

    async fn post(&self, world: &World, call: &str, body: &Value) -> Option<(u16, Value)> {
        world.page(self.gateway, call, &self.jwt(world), body).await
    }

    /// Where an order is paid.
    fn checkout(&self, order: u64, card: Card) -> Page {
        let body = json!({
            "orderId": order, "paymentMethod": data(self.gateway, card), "returnUrl": "http://shop.test/return",
            "origin": "http://shop.test", "browserInfo": browser(),
        });
        Page { call: "initial-payment", body, card, impatient: false }
    }

    /// Where a card is changed. A shop that only sells what the connector bills itself names the method that is for it.
    fn account(&self, world: &World, card: Card) -> Page {
        let living = self.living(world);
        let own = !living.is_empty() && living.iter().all(|row| row.externally_managed);
        let method = match own && world.chance.below("method of a new card", 2) == 0 {
            true => method_for(self.gateway, Billing::OwnSchedule),
            false => method(self.gateway),
        };
        let body = json!({
            "paymentMethodId": method, "paymentMethod": data(self.gateway, card),
            "returnUrl": "http://shop.test/account", "origin": "http://shop.test", "browserInfo": browser(),
        });
        Page { call: "payment-details", body, card, impatient: false }
    }

    /// What the page posts: where a captcha is wanted, its solution, or a guess, or nothing.
    fn solved(&self, world: &World, page: &Page) -> Value {
        let mut body = page.body.clone();
        let Some(captcha) = &world.captcha else { return body };
        let value = match world.chance.below("captcha", 8) {
            0 => return body,
            1 => "guessed".to_owned(),
            _ => captcha.solve(&self.tried(&body)),
        };
        if let Some(members) = body.as_object_mut() {
            members.insert("captcha".to_owned(), json!(value));
        }
        body
    }

    /// For what a card is given, as the ledger names it.
    fn tried(&self, body: &Value) -> String {
        match body.get("orderId").and_then(Value::as_u64) {
            Some(order) => format!("order/{order}"),
            None => format!("details/{}", self.id),
        }
    }

    fn living(&self, world: &World) -> Vec<CleengSubscription> {
        let mut all = world.peers.cleeng.subscriptions();
        all.retain(|row| row.customer == self.id && row.status != SubscriptionState::Terminated);
        all
    }

    /// A living subscription, chosen by chance.
    fn subscription(&self, world: &World) -> Option<CleengSubscription> {
        let living = self.living(world);
        let index = world.chance.below("which subscription", u64::try_from(living.len()).unwrap_or(0));
        living.into_iter().nth(usize::try_from(index).unwrap_or(0))
    }

    /// The youngest payment that the gateway keeps money of.
    fn taken(&self, world: &World) -> Option<GatewayPayment> {
        let mut payments = world.peers.gateway(self.gateway)?.payments();
        // Cleeng has no word for money that the bank gave back, and so none for its second return.
        let reversed = world.reversed.borrow();
        let mine = |it: &GatewayPayment| {
            !reversed.contains(&it.id)
                && it.customer.as_deref() == Some(self.id.to_string().as_str())
                && it.captured_minor > it.refunded_minor + it.disputed_minor
        };
        payments.retain(mine);
        payments.pop()
    }
}
