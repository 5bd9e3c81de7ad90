//! What people do: buy, authenticate, come back, bring another card, and what happens to them at Cleeng, banks and gateways.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use local::buyer::method;
use local::simulators::GatewayPayment;
use local::simulators::cleeng::{CleengSubscription, PaymentState, SubscriptionState};
use queue::Job;
use serde_json::{Value, json};

use crate::plan::{Card, Happening, Person, Purchase};
use crate::story;
use crate::world::World;

/// A customer who lives.
pub(crate) struct Customer {
    gateway: &'static str,
    id: u64,
    orders: RefCell<Vec<(u64, Card)>>,
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
            happen(&world, &customer, happening).await;
        });
    }
}

async fn buy(world: &Rc<World>, customer: &Customer, purchase: &Purchase) {
    let order = json!({
        "customerId": customer.id, "offerId": purchase.offer.id, "currency": purchase.offer.currency,
        "country": purchase.offer.country, "paymentMethodId": method(customer.gateway),
    });
    let made = world.control("cleeng", "orders", &order);
    let Some(order) = made.and_then(|made| made.get("id").and_then(Value::as_u64)) else { return };
    if purchase.asks_methods {
        customer.post(world, "payment-methods", &json!({ "orderId": order })).await;
    }
    for card in &purchase.cards {
        customer.orders.borrow_mut().push((order, *card));
        let body = customer.payment(order, *card);
        if purchase.twice {
            let (again, jwt) = (body.clone(), customer.jwt(world));
            let (world, gateway) = (world.clone(), customer.gateway);
            tokio::task::spawn_local(
                async move { world.page(gateway, "initial-payment", &jwt, &again).await },
            );
        }
        let refused = pay(world, customer, *card, "initial-payment", &body, purchase.impatient).await;
        if !refused || purchase.impatient {
            return;
        }
    }
}

/// Posts, acts where that is asked, and asks again while nothing is known. Whether it was refused.
async fn pay(
    world: &World,
    customer: &Customer,
    card: Card,
    call: &str,
    body: &Value,
    impatient: bool,
) -> bool {
    let mut reply = customer.post(world, call, body).await;
    let mut challenges = 0;
    for _ in 0..LOOKS_MAX {
        match &reply {
            Some((200, answer)) if answer.pointer("/responseData/action").is_some() => {
                if impatient || challenges == CHALLENGES_MAX {
                    return false;
                }
                challenges += 1;
                tokio::time::sleep(Duration::from_secs(5 + world.chance.below("buyer", 200))).await;
                reply = authenticate(world, customer, card, call, body, answer).await;
            }
            Some((200, _)) => return false,
            Some((422 | 400 | 401 | 429, _)) => return true,
            _ if impatient => return false,
            _ => {
                tokio::time::sleep(Duration::from_secs(2 + world.chance.below("buyer waits", 90))).await;
                reply = customer.post(world, call, body).await;
            }
        }
    }
    false
}

async fn authenticate(
    world: &World,
    customer: &Customer,
    card: Card,
    call: &str,
    body: &Value,
    answer: &Value,
) -> Option<(u16, Value)> {
    let text = |pointer: &str| answer.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
    let passes = card != Card::AsksAndFails;
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
    let (key, id) = match body.get("orderId") {
        Some(order) => ("orderId", order.clone()),
        None => ("paymentMethodId", json!(method(customer.gateway))),
    };
    customer.post(world, &format!("{call}/finalize"), &json!({ key: id, "details": details })).await
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

    fn payment(&self, order: u64, card: Card) -> Value {
        json!({
            "orderId": order, "paymentMethod": data(self.gateway, card), "returnUrl": "http://shop.test/return",
            "origin": "http://shop.test", "browserInfo": browser(),
        })
    }

    fn subscriptions(&self, world: &World) -> Vec<CleengSubscription> {
        let mut all = world.peers.cleeng.subscriptions();
        all.retain(|row| row.customer == self.id);
        all
    }

    /// A living subscription, chosen by chance.
    fn subscription(&self, world: &World) -> Option<CleengSubscription> {
        let living: Vec<_> = self
            .subscriptions(world)
            .into_iter()
            .filter(|row| row.status != SubscriptionState::Terminated)
            .collect();
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

async fn happen(world: &World, customer: &Customer, happening: Happening) {
    let gateway = customer.gateway;
    match happening {
        Happening::CardTurns(_, word, times) => card_turns(world, customer, word, times),
        Happening::NewCard(card) => {
            let body = json!({
                "paymentMethodId": method(gateway), "paymentMethod": data(gateway, card),
                "returnUrl": "http://shop.test/account", "origin": "http://shop.test", "browserInfo": browser(),
            });
            pay(world, customer, card, "payment-details", &body, false).await;
        }
        Happening::Stop | Happening::Resume => {
            let word = if happening == Happening::Stop { "stop" } else { "resume" };
            if let Some(row) = customer.subscription(world) {
                world.control("cleeng", &format!("subscriptions/{}/{word}", row.id), &json!({}));
            }
        }
        Happening::Refund(half) => refund(world, customer, half),
        Happening::CaptureNow => {
            let mut rows = world.peers.cleeng.payments();
            rows.retain(|row| row.customer == customer.id && row.status == PaymentState::Authorized);
            if let Some(row) = rows.pop() {
                world.control("cleeng", &format!("payments/{}/capture", row.id), &json!({}));
            }
        }
        Happening::RefundByHand(_)
        | Happening::Chargeback
        | Happening::ChargebackReversed
        | Happening::CaptureFails(_) => at_the_gateway(world, customer, happening).await,
        Happening::Deactivate => {
            if let Some(details) = customer.subscription(world).and_then(|row| row.details) {
                world.control("cleeng", &format!("payment_details/{details}/deactivate"), &json!({}));
            }
        }
        Happening::OldHook => {
            let old = 1 + world.chance.below("old hook", 40);
            world.control("cleeng", &format!("deliveries/{old}/again"), &json!({}));
        }
        Happening::Replay => {
            for job in Job::ALL {
                world.queue.replay(job);
            }
            world.bell.notify_one();
        }
        Happening::Revisit => {
            let last = customer.orders.borrow().last().copied();
            if let Some((order, card)) = last {
                pay(world, customer, card, "initial-payment", &customer.payment(order, card), false).await;
            }
        }
    }
}

/// The card that pays the customer's subscription behaves otherwise from now on.
fn card_turns(world: &World, customer: &Customer, word: &str, times: u64) {
    let details = customer.subscription(world).and_then(|row| row.details);
    let kept = world.peers.cleeng.payment_details();
    let Some(token) = kept.into_iter().find(|row| Some(row.id) == details).map(|row| row.token) else {
        return;
    };
    let stored = token.expose().rsplit(['|', ':']).next().unwrap_or_default().to_owned();
    let path = if customer.gateway == "stripe" { "payment_methods" } else { "stored" };
    world.control(
        customer.gateway,
        &format!("{path}/{stored}"),
        &json!({ "behaviour": word, "times": times }),
    );
}

/// What Stripe still processes is decided by the banks within hours.
pub(crate) fn banks_decide(world: &World) {
    for payment in world.peers.gateway("stripe").map(|stripe| stripe.payments()).unwrap_or_default() {
        let open = payment.captured_minor == 0 && payment.held_minor == 0 && !payment.declined;
        if open {
            let result = if world.chance.below("bank decides", 2) == 0 { "success" } else { "fail" };
            // Refused by all that are not processed.
            world.control(
                "stripe",
                &format!("payment_intents/{}/settle", payment.id),
                &json!({ "result": result }),
            );
        }
    }
}

fn refund(world: &World, customer: &Customer, half: bool) {
    let mut rows = world.peers.cleeng.payments();
    rows.retain(|row| row.customer == customer.id && !row.held().is_zero());
    let Some(row) = rows.pop() else { return };
    let part = (row.held() / rust_decimal::Decimal::TWO).trunc_with_scale(2);
    let body = if half && !part.is_zero() { json!({ "amount": part.to_string() }) } else { json!({}) };
    world.control("cleeng", &format!("payments/{}/refund", row.id), &body);
}

async fn at_the_gateway(world: &World, customer: &Customer, happening: Happening) {
    let Some(payment) = customer.taken(world) else { return };
    let (gateway, id) = (customer.gateway, payment.id.as_str());
    let left = payment.captured_minor - payment.refunded_minor - payment.disputed_minor;
    match (happening, gateway) {
        (Happening::RefundByHand(half), _) => {
            let minor = if half { (left / 2).max(1) } else { left };
            let (path, key) =
                if gateway == "stripe" { ("payment_intents", "amount") } else { ("payments", "minor") };
            world.control(gateway, &format!("{path}/{id}/refund"), &json!({ key: minor }));
        }
        (Happening::Chargeback, "stripe") => {
            world.control("stripe", &format!("payment_intents/{id}/dispute"), &json!({}));
        }
        (Happening::Chargeback, _) => {
            world.control("adyen", &format!("payments/{id}/chargeback"), &json!({}));
        }
        (Happening::ChargebackReversed, "adyen") => {
            world.control("adyen", &format!("payments/{id}/chargeback"), &json!({}));
            tokio::time::sleep(Duration::from_secs(3600 + world.chance.below("bank", 86_400))).await;
            world.reversed.borrow_mut().insert(id.to_owned());
            world.control("adyen", &format!("payments/{id}/chargeback-reversed"), &json!({}));
        }
        // What was returned in part had been captured for good.
        (Happening::CaptureFails(_), _) if left != payment.captured_minor => {}
        (Happening::CaptureFails(retried), "adyen") => {
            world.control("adyen", &format!("payments/{id}/capture-failed"), &json!({}));
            if retried {
                tokio::time::sleep(Duration::from_secs(60 + world.chance.below("bank", 86_400))).await;
                world.control("adyen", &format!("payments/{id}/capture-retried"), &json!({}));
            }
        }
        _ => {}
    }
}

fn data(gateway: &str, card: Card) -> Value {
    if gateway == "stripe" {
        return json!({ "payment_method": match card {
            Card::Pays => "pm_card_visa",
            Card::PaysToo => "pm_card_mastercard",
            Card::AsksFirst => "pm_card_authenticationRequiredOnSetup",
            Card::AsksAndFails | Card::AsksAlways => "pm_card_authenticationRequired",
            Card::Refused => "pm_card_chargeDeclinedInsufficientFunds",
            Card::RefusesLater => "pm_card_chargeCustomerFail",
        }});
    }
    let number = match card {
        Card::Pays => "test_visa",
        Card::PaysToo => "test_mastercard",
        Card::AsksFirst | Card::AsksAndFails => "test_3ds_challenge",
        Card::Refused => "test_declined_12",
        Card::RefusesLater => "test_visa_later_declined_12",
        Card::AsksAlways => "test_visa_later_3ds_challenge",
    };
    json!({
        "type": "scheme", "encryptedCardNumber": number, "encryptedExpiryMonth": "test_03",
        "encryptedExpiryYear": "test_2030", "encryptedSecurityCode": "test_737",
    })
}

fn browser() -> Value {
    json!({
        "userAgent": "Mozilla/5.0", "acceptHeader": "*/*", "language": "nl-NL", "colorDepth": 24, "screenHeight": 900,
        "screenWidth": 1440, "timeZoneOffset": -60, "javaEnabled": false,
    })
}
