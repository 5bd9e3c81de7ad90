//! Flows that begin a subscription, or sell something once.

use serde_json::json;

use crate::LocalError;
use crate::buyer::{Billing, TestCard};
use crate::lifecycle::scene::{Scene, payment};
use crate::simulators::cleeng::offers;

pub(super) async fn purchase(scene: &mut Scene<'_>) -> Result<(), LocalError> {
    let subscriber = scene.subscribe().await?;
    scene.step("the gateway took", "699", scene.taken());
    scene.step("Cleeng was told", "captured", scene.told());
    scene.step("the subscription is", "active", scene.standing(subscriber.id)?);
    let due = scene.ours(subscriber.id).await?.due;
    scene.step("nothing is left to do", "true", due.is_none());
    Ok(())
}

pub(super) async fn three_d_secure(scene: &mut Scene<'_>) -> Result<(), LocalError> {
    let buyer = scene.buyer()?;
    let order = buyer.order(scene.system, offers::MONTHLY)?;
    let mut reply = buyer.pay(scene.system, order, TestCard::AsksFirst).await;
    scene.step("the bank wants the buyer to act", "act first", payment(&reply));
    scene.step("so far the gateway took", "nothing", scene.taken());
    // Adyen asks in two steps: the browser's fingerprint, then the challenge.
    for _ in 0..2 {
        if reply.asks_first() {
            reply = buyer.authenticate(scene.system, order, &reply, true).await;
        }
    }
    scene.step("the buyer is back", "captured", payment(&reply));
    let again = buyer.finalize(scene.system, order, &json!({})).await;
    scene.step("the page asks once more", "captured", payment(&again));
    scene.pass_minutes(10).await;
    scene.step("the gateway took", "699", scene.taken());
    let id = scene.subscription_of(&buyer)?;
    scene.step("the subscription is", "active", scene.standing(id)?);
    Ok(())
}

pub(super) async fn refused_then_paid(scene: &mut Scene<'_>) -> Result<(), LocalError> {
    let buyer = scene.buyer()?;
    let order = buyer.order(scene.system, offers::MONTHLY)?;
    let refused = buyer.pay(scene.system, order, TestCard::Refused).await;
    let code = format!("422 {}0002", scene.gateway.to_uppercase());
    scene.step("an empty card", code, payment(&refused));
    let paid = buyer.pay(scene.system, order, TestCard::Pays).await;
    scene.step("another card", "captured", payment(&paid));
    scene.pass_minutes(10).await;
    scene.step("Cleeng was told", "rejected + captured", scene.told());
    scene.step("the gateway took", "699", scene.taken());
    Ok(())
}

pub(super) async fn trial(scene: &mut Scene<'_>) -> Result<(), LocalError> {
    let subscriber = scene.subscribe_by(offers::TRIAL, Billing::TwoSteps).await?;
    scene.step("the gateway took", "nothing", scene.taken());
    scene.step("it is in its trial", "true", scene.at_cleeng(subscriber.id)?.in_trial);
    scene.pass_days(16).await;
    scene.step("when the trial ends the gateway took", "699", scene.taken());
    scene.step("Cleeng was told", "captured + captured", scene.told());
    Ok(())
}

pub(super) async fn coupon(scene: &mut Scene<'_>) -> Result<(), LocalError> {
    let buyer = scene.buyer()?;
    let order = buyer.order_by(scene.system, offers::MONTHLY, Billing::TwoSteps, Some(offers::COUPON_ALL))?;
    let reply = buyer.pay(scene.system, order, TestCard::Pays).await;
    scene.step("the card is checked at zero", "captured", payment(&reply));
    scene.pass_days(20).await;
    scene.step("the gateway took", "nothing", scene.taken());
    scene.pass_days(15).await;
    scene.step("the next period is paid in full", "699", scene.taken());
    let free = buyer.order(scene.system, offers::FREE)?;
    let mut buyer = buyer;
    buyer.log_in(scene.system)?;
    let refused = buyer.pay(scene.system, free, TestCard::Pays).await;
    let code = format!("422 {}0001", scene.gateway.to_uppercase());
    scene.step("an offer that costs nothing needs no connector", code, payment(&refused));
    Ok(())
}

pub(super) async fn pass(scene: &mut Scene<'_>) -> Result<(), LocalError> {
    scene.buy("a pass is bought", offers::PASS, Billing::TwoSteps).await?;
    scene.pass_days(40).await;
    scene.step("a month later the gateway took", "399", scene.taken());
    scene.step("subscriptions at Cleeng", "0", scene.system.peers.cleeng.subscriptions().len());
    Ok(())
}

pub(super) async fn event_and_rental(scene: &mut Scene<'_>) -> Result<(), LocalError> {
    scene.buy("a live event is bought", offers::EVENT, Billing::TwoSteps).await?;
    scene.buy("a film is rented", offers::RENTAL, Billing::TwoSteps).await?;
    scene.pass_days(40).await;
    scene.step("a month later the gateway took", "499 + 299", scene.taken());
    scene.step("subscriptions at Cleeng", "0", scene.system.peers.cleeng.subscriptions().len());
    Ok(())
}
