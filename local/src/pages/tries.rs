//! What a person may try: the buttons of the console, each told to the simulator that it concerns.

use std::sync::atomic::Ordering;

use axum::http::StatusCode;
use bytes::Bytes;
use jiff::SignedDuration;
use payment::GatewayName;
use rust_decimal::Decimal;
use serde::Deserialize;
use serde_json::{Value, json};

use super::Trouble;
use super::books::{self, Books, Deal, Taken};
use crate::buyer::{Buyer, TestCard, method};
use crate::overheard::Party;
use crate::served::{Served, Shared};
use crate::simulators::cleeng::{CleengPayment, CleengSubscription, SubscriptionState, offers};
use crate::system::System;

/// What belongs to a button beside its name.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Wish {
    /// Why a charge is refused: a gateway's own code.
    reason: Option<String>,
    /// How often.
    times: Option<u32>,
    /// What a new card does.
    card: Option<CardWish>,
    /// How much is returned, in major units; all of it without.
    amount: Option<Decimal>,
}

/// A card of [`TestCard`].
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum CardWish {
    Pays,
    AsksFirst,
    Refused,
    RefusesLater,
}

impl CardWish {
    fn card(self) -> TestCard {
        match self {
            Self::Pays => TestCard::Pays,
            Self::AsksFirst => TestCard::AsksFirst,
            Self::Refused => TestCard::Refused,
            Self::RefusesLater => TestCard::RefusesLater,
        }
    }
}

/// The buttons that make sense now.
pub(super) fn allowed(
    subscription: Option<&CleengSubscription>,
    payments: &[CleengPayment],
    taken: &[Taken],
) -> Vec<&'static str> {
    let mut tries = Vec::new();
    match subscription.map(|row| row.status) {
        Some(SubscriptionState::Active) => {
            tries.extend(["renew", "decline", "approve", "change-card", "stop", "pause"]);
        }
        Some(SubscriptionState::Stopped) => tries.extend(["renew", "resume"]),
        Some(SubscriptionState::Paused) => tries.push("resume"),
        Some(SubscriptionState::Terminated) | None => {}
    }
    if payments.iter().any(|row| row.held() > Decimal::ZERO) {
        tries.push("refund");
    }
    if taken.iter().any(|it| it.kept() > Decimal::ZERO) {
        tries.extend(["refund-at-gateway", "chargeback"]);
    }
    if subscription.is_some() {
        tries.push("again");
    }
    tries
}

/// Does one, and says in a sentence what was done.
pub(super) async fn perform(served: &Served, deal: Deal, verb: &str, wish: &Wish) -> Result<String, Trouble> {
    let system = &served.started.system;
    let books = books::read(system);
    let subscription = match deal {
        Deal::Subscription(id) => books.subscriptions.get(&id),
        Deal::Order(_) => None,
    };
    let living = || subscription.ok_or_else(|| refused("This is no subscription."));
    match verb {
        "renew" => {
            let until = living()?.ends.checked_add(SignedDuration::from_hours(2)).unwrap_or_default();
            served.send_clock(Some(until));
            Ok(format!(
                "The clock goes to {}, when the next period has begun.",
                until.strftime("%Y-%m-%d %H:%M")
            ))
        }
        "decline" => behave(system, living()?, Some(wish)),
        "approve" => behave(system, living()?, None),
        "change-card" => change_card(system, living()?, wish).await,
        "stop" | "pause" | "resume" => {
            cleeng(system, &format!("subscriptions/{}/{verb}", living()?.id), &json!({}))?;
            Ok(format!("The customer chose to {verb}."))
        }
        "again" => again(system, &books, deal),
        "refund" => {
            let rows = books.payments.get(&deal).map(Vec::as_slice).unwrap_or_default();
            let row = rows.iter().rfind(|row| row.held() > Decimal::ZERO);
            let row = row.ok_or_else(|| refused("Cleeng has nothing to return."))?;
            let body = wish.amount.map_or_else(|| json!({}), |amount| json!({ "amount": number(amount) }));
            cleeng(system, &format!("payments/{}/refund", row.id), &body)?;
            Ok(format!("Cleeng asks for payment {} to be returned.", row.id))
        }
        "refund-at-gateway" | "chargeback" => at_gateway(system, &books, deal, verb),
        _ => Err(Trouble(StatusCode::NOT_FOUND, format!("There is nothing called {verb} to try."))),
    }
}

fn refused(why: &str) -> Trouble {
    Trouble(StatusCode::CONFLICT, why.to_owned())
}

fn cleeng(system: &System, path: &str, body: &Value) -> Result<(), Trouble> {
    accepted(&system.peers.cleeng_host.control(path, body))
}

fn accepted(answer: &http::Response<Bytes>) -> Result<(), Trouble> {
    if answer.status().is_success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(answer.body()).into_owned();
    Err(Trouble(StatusCode::CONFLICT, format!("The simulator answered {}: {said}", answer.status())))
}

/// As Cleeng writes amounts.
fn number(amount: Decimal) -> Value {
    serde_json::from_str(&amount.to_string()).unwrap_or_default()
}

/// Makes the stored card refuse (or pay again).
fn behave(system: &System, row: &CleengSubscription, wish: Option<&Wish>) -> Result<String, Trouble> {
    let details = system.peers.cleeng.payment_details();
    let stored = details.iter().find(|it| Some(it.id) == row.details);
    let stored = stored.ok_or_else(|| refused("Cleeng has no card for this subscription."))?;
    let (_, card) = stored
        .token
        .expose()
        .split_once('|')
        .ok_or_else(|| refused("The stored card is not a simulator's."))?;
    let reason = wish.map(|wish| wish.reason.as_deref().unwrap_or("insufficient_funds"));
    let times = wish.and_then(|wish| wish.times).unwrap_or(1);
    let (host, path, behaviour) = if row.method == method("adyen") {
        (&system.peers.adyen_host, format!("stored/{card}"), reason.map_or("approve", adyen_code))
    } else {
        (&system.peers.stripe_host, format!("payment_methods/{card}"), reason.unwrap_or("ok"))
    };
    let body = match wish {
        Some(_) => json!({ "behaviour": behaviour, "times": times }),
        None => json!({ "behaviour": behaviour }),
    };
    accepted(&host.control(&path, &body))?;
    Ok(match reason {
        Some(reason) => format!("The next charge of this card is refused: {}.", reason.replace('_', " ")),
        None => "This card pays again.".to_owned(),
    })
}

/// Adyen's code for what Stripe calls so.
fn adyen_code(reason: &str) -> &'static str {
    match reason {
        "expired_card" => "6",
        "lost_card" => "5",
        "fraudulent" => "20",
        "authentication_required" => "38",
        "processing_error" => "error",
        _ => "12",
    }
}

/// The customer gives another card, as the account page does.
async fn change_card(system: &System, row: &CleengSubscription, wish: &Wish) -> Result<String, Trouble> {
    let gateway = if row.method == method("adyen") { "adyen" } else { "stripe" };
    let mut buyer = Buyer { customer: row.customer, jwt: String::new(), gateway: gateway.to_owned() };
    buyer.log_in(system)?;
    let card = wish.card.unwrap_or(CardWish::Pays).card();
    let reply = buyer.change_card(system, card).await;
    match reply.status {
        StatusCode::OK if reply.asks_first() => {
            Ok("The bank asks the customer first: finish it in the checkout.".to_owned())
        }
        StatusCode::OK => Ok("The new card is kept, and pays from now on.".to_owned()),
        status => {
            Err(Trouble(StatusCode::CONFLICT, format!("The connector answered {status}: {}", reply.body)))
        }
    }
}

/// Cleeng's newest event about it comes once more.
fn again(system: &System, books: &Books, deal: Deal) -> Result<String, Trouble> {
    let rows = books.payments.get(&deal).map(Vec::as_slice).unwrap_or_default();
    let keys = super::timeline::keys(deal, None, &books.orders(deal), rows, &[]);
    let said = system.overheard.about(&keys);
    let newest = said.iter().rev().filter(|said| said.from == Party::Cleeng).find_map(|said| said.delivery);
    let newest = newest.ok_or_else(|| refused("Cleeng has sent no event about this yet: renew it first."))?;
    cleeng(system, &format!("deliveries/{newest}/again"), &json!({}))?;
    Ok("Cleeng delivers its newest event about this once more.".to_owned())
}

fn at_gateway(system: &System, books: &Books, deal: Deal, verb: &str) -> Result<String, Trouble> {
    let rows = books.at_gateways.get(&deal).map(Vec::as_slice).unwrap_or_default();
    let row = rows.iter().rfind(|it| it.kept() > Decimal::ZERO);
    let row = row.ok_or_else(|| refused("The gateway has nothing to return."))?;
    let id = &row.payment.id;
    let (host, path) = match (row.gateway, verb) {
        ("adyen", "chargeback") => (&system.peers.adyen_host, format!("payments/{id}/chargeback")),
        ("adyen", _) => (&system.peers.adyen_host, format!("payments/{id}/refund")),
        (_, "chargeback") => (&system.peers.stripe_host, format!("payment_intents/{id}/dispute")),
        _ => (&system.peers.stripe_host, format!("payment_intents/{id}/refund")),
    };
    accepted(&host.control(&path, &json!({})))?;
    Ok(match verb {
        "chargeback" => format!("The bank takes {id} back."),
        _ => format!("Somebody returns {id} in the gateway's dashboard."),
    })
}

/// What is to go wrong next.
#[derive(Debug, Deserialize)]
pub(super) struct Fault {
    gateway: GatewayName,
    what: FaultKind,
}

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
enum FaultKind {
    /// The gateway acts; one answer is lost.
    Lose,
    /// It acts; no repetition is answered either.
    Silent,
    /// It is down for a few requests.
    Down,
    /// All workers die when it has acted.
    Crash,
}

/// Sets a fault up, and says in a sentence what will happen.
pub(super) fn break_next(served: &Served, fault: &Fault) -> Result<String, Trouble> {
    let peers = &served.started.system.peers;
    let name = fault.gateway.as_str();
    let (word, times, told) = match fault.what {
        FaultKind::Crash => {
            served.crash.arm();
            return Ok("All workers die when a gateway has acted on the next payment.".to_owned());
        }
        FaultKind::Lose => ("lose", 1, "acts on the next payment, and its answer is lost"),
        FaultKind::Silent => ("lose", 3, "acts on the next payment, and no repetition is answered either"),
        FaultKind::Down => ("down", 3, "is down for the next three requests"),
    };
    let answer = match (name, word) {
        ("stripe", "lose") => peers.stripe_host.control(
            "next",
            &json!({ "fault": "timeout_after", "times": times, "method": "POST", "path": "_intents" }),
        ),
        ("stripe", _) => peers
            .stripe_host
            .control("next", &json!({ "fault": "503_before", "times": times, "method": "POST" })),
        ("adyen", "lose") => peers
            .adyen_host
            .control("next", &json!({ "fault": "empty_after", "times": times, "path": "/payments" })),
        ("adyen", _) => peers.adyen_host.control("next", &json!({ "fault": "500_before", "times": times })),
        _ => return Err(Trouble(StatusCode::NOT_FOUND, "There is no such gateway here.".to_owned())),
    };
    accepted(&answer)?;
    Ok(format!("{name} {told}."))
}

/// Buyers that come without a browser.
#[derive(Debug, Deserialize)]
pub(super) struct Sale {
    gateway: GatewayName,
    #[serde(default)]
    card: Option<CardWish>,
    count: u32,
}

/// So many at once, those who are still to come among them.
pub(super) const SALES_MAX: u32 = 1000;

/// Lets them come one after the other while the page goes on.
pub(super) fn sell(served: &Shared, sale: &Sale) -> Result<String, Trouble> {
    if !(1..=SALES_MAX).contains(&sale.count) {
        return Err(Trouble(StatusCode::BAD_REQUEST, format!("Let 1 to {SALES_MAX} buyers come.")));
    }
    let to_come = served.buyers.fetch_add(sale.count, Ordering::SeqCst);
    if to_come + sale.count > SALES_MAX {
        served.buyers.fetch_sub(sale.count, Ordering::SeqCst);
        return Err(refused(&format!("{to_come} buyers are still to come: let them pay first.")));
    }
    let (served, gateway, count) = (served.clone(), sale.gateway.to_string(), sale.count);
    let card = sale.card.unwrap_or(CardWish::Pays).card();
    tokio::spawn(async move {
        for _ in 0..count {
            if let Err(error) = one_sale(&served, &gateway, card).await {
                tracing::error!("A sale failed: {error}");
            }
            served.buyers.fetch_sub(1, Ordering::SeqCst);
        }
    });
    Ok(match count {
        1 => "A buyer comes.".to_owned(),
        count => format!("{count} buyers come, one after the other."),
    })
}

async fn one_sale(served: &Served, gateway: &str, card: TestCard) -> Result<(), crate::LocalError> {
    let system = &served.started.system;
    let buyer = Buyer::register(system, gateway)?;
    let order = buyer.order(system, offers::MONTHLY)?;
    let paid = served.crash.unless(buyer.pay(system, order, card)).await;
    let mut reply = paid;
    // Adyen asks in two steps: the browser's fingerprint, then the challenge.
    for _ in 0..2 {
        if let Some(asked) = reply.as_ref().filter(|it| it.asks_first()) {
            reply = served.crash.unless(buyer.authenticate(system, order, asked, true)).await;
        }
    }
    Ok(())
}
