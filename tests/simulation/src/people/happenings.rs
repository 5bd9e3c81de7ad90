//! What happens to people beside buying: at Cleeng, at the gateways and at their banks.

use std::time::Duration;

use ledger::{Ledger, Subject};
use local::simulators::cleeng::{PaymentState, offers};
use queue::Job;
use serde_json::json;

use super::{Customer, give};
use crate::plan::Happening;
use crate::world::World;

/// Makes it happen, if it can.
pub(super) async fn happen(world: &World, customer: &Customer, happening: Happening) {
    match happening {
        Happening::CardTurns(_, word, times) => card_turns(world, customer, word, times).await,
        Happening::NewCard(card) => {
            let page = customer.account(world, card);
            give(world, customer, &page, &customer.solved(world, &page)).await;
        }
        Happening::Stop => changes(world, customer, "stop"),
        Happening::Resume => changes(world, customer, "resume"),
        Happening::Pause => changes(world, customer, "pause"),
        Happening::AskedByMistake => changes(world, customer, "ask"),
        Happening::Switch => switches(world, customer),
        Happening::Costs(net) => {
            if let Some(row) = customer.subscription(world) {
                world.control("cleeng", &format!("offers/{}/price", row.offer), &json!({ "net": net }));
            }
        }
        Happening::EndedByStaff => {
            if let Some(row) = customer.subscription(world) {
                let body = json!({ "terminationType": "publisherCancel" });
                world.staff(&format!("subscriptions/{}/terminate", row.id), &body);
                world.note("ended by staff");
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
                let page = customer.checkout(order, card);
                give(world, customer, &page, &customer.solved(world, &page)).await;
            }
        }
    }
}

/// What the customer, or Cleeng, does to a subscription.
fn changes(world: &World, customer: &Customer, word: &'static str) {
    let Some(row) = customer.subscription(world) else { return };
    if world.control("cleeng", &format!("subscriptions/{}/{word}", row.id), &json!({})).is_some() {
        world.note_change(row.id, word);
        world.note(match word {
            "stop" => "stopped",
            "pause" => "paused",
            "resume" => "resumed",
            _ => "asked for by mistake",
        });
    }
}

/// Between the weekly and the monthly offer: others have currencies of their own.
fn switches(world: &World, customer: &Customer) {
    let Some(row) = customer.subscription(world) else { return };
    let other = if row.offer == offers::WEEKLY { offers::MONTHLY } else { offers::WEEKLY };
    let path = format!("subscriptions/{}/switch", row.id);
    if world.control("cleeng", &path, &json!({ "offerId": other })).is_some() {
        world.note("switched");
    }
}

/// The card that pays the customer's subscription behaves otherwise from now on.
async fn card_turns(world: &World, customer: &Customer, word: &str, times: u64) {
    let Some(row) = customer.subscription(world) else { return };
    let mut kept = world.peers.cleeng.payment_details();
    kept.retain(|it| Some(it.id) == row.details);
    let token = match kept.pop() {
        Some(kept) => Some(kept.token),
        // Of what is not its own to bill Cleeng knows no card.
        None => {
            let Ok(id) = row.id.try_into() else { return };
            let item = world.kept.mapping(Subject::Subscription(id)).await.ok().flatten();
            item.and_then(|item| item.token)
        }
    };
    let Some(token) = token else { return };
    let stored = token.expose().rsplit(['|', ':']).next().unwrap_or_default().to_owned();
    let path = if customer.gateway == "stripe" { "payment_methods" } else { "stored" };
    world.control(
        customer.gateway,
        &format!("{path}/{stored}"),
        &json!({ "behaviour": word, "times": times }),
    );
}

/// What Stripe still processes is decided by the banks within hours, and holds lapse whether anybody asks or not.
pub(crate) fn banks_decide(world: &World) {
    world.control("stripe", "tick", &json!({}));
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
            world.failed_late.borrow_mut().insert(id.to_owned());
            world.control("adyen", &format!("payments/{id}/capture-failed"), &json!({}));
            if retried {
                tokio::time::sleep(Duration::from_secs(60 + world.chance.below("bank", 86_400))).await;
                world.control("adyen", &format!("payments/{id}/capture-retried"), &json!({}));
            }
        }
        _ => {}
    }
}
