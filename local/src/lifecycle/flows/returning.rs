//! Flows in which money goes back, or in which the gateway changes its mind.

use serde_json::json;

use crate::LocalError;
use crate::buyer::TestCard;
use crate::lifecycle::scene::{Scene, payment};
use crate::simulators::cleeng::offers;

fn ask_refund(scene: &Scene<'_>, amount: Option<&str>) -> Result<(), LocalError> {
    let first = scene.system.peers.cleeng.payments().first().map(|row| row.id).unwrap_or_default();
    let body = match amount.map(serde_json::from_str::<serde_json::Value>) {
        Some(amount) => json!({ "amount": amount? }),
        None => json!({}),
    };
    scene.happens("cleeng", &format!("payments/{first}/refund"), &body).map(drop)
}

/// How much of the first payment Cleeng knows to be returned, and as what.
fn returned(scene: &Scene<'_>) -> String {
    let payments = scene.system.peers.cleeng.payments();
    let first = payments.first();
    let kind = first.and_then(|row| row.refund_kind.clone()).unwrap_or_default();
    format!("{} {kind}", first.map(|row| row.refunded).unwrap_or_default())
}

pub(super) async fn refund(scene: &mut Scene<'_>) -> Result<(), LocalError> {
    scene.subscribe().await?;
    for _ in 0..2 {
        ask_refund(scene, None)?;
    }
    scene.pass_minutes(10).await;
    scene.step("asked for twice, the gateway took", "699-699", scene.taken());
    scene.step("Cleeng was told", "6.99 refund", returned(scene));
    Ok(())
}

pub(super) async fn partial_refund(scene: &mut Scene<'_>) -> Result<(), LocalError> {
    scene.subscribe().await?;
    for amount in ["2.50", "1.00"] {
        ask_refund(scene, Some(amount))?;
        scene.pass_minutes(10).await;
    }
    scene.step("the gateway took", "699-350", scene.taken());
    scene.step("Cleeng was told", "3.5 refund", returned(scene));
    ask_refund(scene, None)?;
    scene.pass_minutes(10).await;
    scene.step("the rest goes back too", "699-699", scene.taken());
    Ok(())
}

pub(super) async fn gateway_refund(scene: &mut Scene<'_>) -> Result<(), LocalError> {
    scene.subscribe().await?;
    let id = scene.taken_id(0)?;
    let (path, body) = match scene.gateway {
        "stripe" => (format!("payment_intents/{id}/refund"), json!({ "amount": 200 })),
        _ => (format!("payments/{id}/refund"), json!({ "minor": 200 })),
    };
    scene.happens(scene.gateway, &path, &body)?;
    scene.pass_minutes(30).await;
    scene.step("somebody returned a part by hand", "699-200", scene.taken());
    scene.step("Cleeng was told", "2 refund", returned(scene));
    Ok(())
}

pub(super) async fn chargeback(scene: &mut Scene<'_>) -> Result<(), LocalError> {
    scene.subscribe().await?;
    let id = scene.taken_id(0)?;
    let (path, closes) = match scene.gateway {
        "stripe" => (format!("payment_intents/{id}/dispute"), None),
        _ => (format!("payments/{id}/chargeback"), Some(format!("payments/{id}/chargeback-reversed"))),
    };
    let made = scene.happens(scene.gateway, &path, &json!({}))?;
    let dispute = made.get("id").and_then(serde_json::Value::as_str).unwrap_or_default();
    let closes = closes.unwrap_or_else(|| format!("disputes/{dispute}/close"));
    scene.pass_minutes(30).await;
    scene.step("the bank took it back", "699-699", scene.taken());
    scene.step("Cleeng was told", "6.99 chargeback", returned(scene));
    // Compared before the bank changes its mind: Cleeng cannot be told of that.
    scene.compare().await?;
    scene.happens(scene.gateway, &closes, &json!({ "status": "won" }))?;
    scene.pass_minutes(30).await;
    scene.step("the bank gave it back", "699", scene.taken());
    scene.step("Cleeng has no word for that: a person is called", "6.99 chargeback", returned(scene));
    Ok(())
}

pub(super) async fn late_news(scene: &mut Scene<'_>) -> Result<(), LocalError> {
    if scene.gateway == "stripe" {
        return never_came_back(scene).await;
    }
    let subscriber = scene.subscribe().await?;
    scene.run_to_hours_before_end(subscriber.id, -2).await?;
    let id = scene.taken_id(1)?;
    for (path, told) in
        [("capture-failed", "captured + rejected"), ("capture-retried", "captured + captured")]
    {
        scene.happens("adyen", &format!("payments/{id}/{path}"), &json!({}))?;
        scene.pass_minutes(30).await;
        scene.step(path, told, scene.told());
    }
    Ok(())
}

/// 3-D Secure is passed and the buyer closes the window: the gateway's webhook finishes the purchase.
async fn never_came_back(scene: &mut Scene<'_>) -> Result<(), LocalError> {
    let buyer = scene.buyer()?;
    let order = buyer.order(scene.system, offers::MONTHLY)?;
    let reply = buyer.pay(scene.system, order, TestCard::AsksFirst).await;
    scene.step("the bank wants the buyer to act", "act first", payment(&reply));
    let id = reply.text("/responseData/action/id").unwrap_or_default();
    scene.happens("stripe", &format!("authenticate/{id}"), &json!({ "result": "success" }))?;
    scene.pass_minutes(30).await;
    scene.step("the buyer never came back, the gateway took", "699", scene.taken());
    scene.step("Cleeng was told", "captured", scene.told());
    let id = scene.subscription_of(&buyer)?;
    scene.step("the subscription is", "active", scene.standing(id)?);
    Ok(())
}
