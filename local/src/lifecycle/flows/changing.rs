//! Flows in which customers change their mind or their card, between authorisation and capture where that is hardest.

use serde_json::json;

use crate::LocalError;
use crate::lifecycle::scene::{Scene, Subscriber};
use crate::simulators::cleeng::offers;

async fn authorised(scene: &mut Scene<'_>) -> Result<Subscriber, LocalError> {
    let subscriber = scene.subscribe().await?;
    scene.run_to_hours_before_end(subscriber.id, 60).await?;
    scene.step("the next period is held", "699", scene.held());
    Ok(subscriber)
}

pub(super) async fn card_change(scene: &mut Scene<'_>) -> Result<(), LocalError> {
    let mut subscriber = scene.subscribe().await?;
    let old = scene.card(subscriber.id).await?;
    scene.pass_days(3).await;
    scene.give_card(&mut subscriber).await?;
    scene.step("the old card pays", "false", scene.card(subscriber.id).await? == old);
    let details = scene.ours(subscriber.id).await?.details.map(payment::PaymentDetailsId::number);
    let same = details == scene.at_cleeng(subscriber.id)?.details;
    scene.step("Cleeng renews with the same one", "true", same);
    scene.pass_days(30).await;
    scene.step("the gateway took", "699 + 699", scene.taken());
    Ok(())
}

pub(super) async fn details_deactivated(scene: &mut Scene<'_>) -> Result<(), LocalError> {
    let subscriber = authorised(scene).await?;
    let details = scene.at_cleeng(subscriber.id)?.details.unwrap_or_default();
    scene.happens("cleeng", &format!("payment_details/{details}/deactivate"), &json!({}))?;
    scene.pass_minutes(10).await;
    scene.step("the gateway holds", "nothing", scene.held());
    scene.step("Cleeng was told", "captured + cancelled", scene.told());
    scene.step("a card is left to charge", "false", scene.ours(subscriber.id).await?.token.is_some());
    scene.pass_days(4).await;
    scene.step("the gateway took", "699", scene.taken());
    Ok(())
}

pub(super) async fn stop_and_resume(scene: &mut Scene<'_>) -> Result<(), LocalError> {
    let subscriber = authorised(scene).await?;
    for verb in ["stop", "resume"] {
        scene.happens("cleeng", &format!("subscriptions/{}/{verb}", subscriber.id), &json!({}))?;
        scene.pass_minutes(300).await;
    }
    scene.pass_days(4).await;
    scene.step("the gateway took", "699 + 699", scene.taken());
    scene.step("the gateway holds", "nothing", scene.held());
    scene.step("the subscription is", "active", scene.standing(subscriber.id)?);
    Ok(())
}

pub(super) async fn pause(scene: &mut Scene<'_>) -> Result<(), LocalError> {
    let subscriber = authorised(scene).await?;
    scene.happens("cleeng", &format!("subscriptions/{}/pause", subscriber.id), &json!({}))?;
    scene.pass_days(20).await;
    scene.step("weeks later the gateway holds", "nothing", scene.held());
    scene.step("the gateway took", "699", scene.taken());
    scene.happens("cleeng", &format!("subscriptions/{}/resume", subscriber.id), &json!({}))?;
    scene.pass_days(6).await;
    scene.step("it goes on, the gateway took", "699 + 699", scene.taken());
    Ok(())
}

pub(super) async fn switch(scene: &mut Scene<'_>) -> Result<(), LocalError> {
    let subscriber = authorised(scene).await?;
    let path = format!("subscriptions/{}/switch", subscriber.id);
    scene.happens("cleeng", &path, &json!({ "offerId": offers::ANNUAL }))?;
    scene.pass_days(6).await;
    scene.step("the gateway holds", "nothing", scene.held());
    scene.step("the gateway took", "699 + 5999", scene.taken());
    Ok(())
}

pub(super) async fn price_change(scene: &mut Scene<'_>) -> Result<(), LocalError> {
    authorised(scene).await?;
    scene.happens("cleeng", &format!("offers/{}/price", offers::MONTHLY), &json!({ "net": 9 }))?;
    scene.pass_days(4).await;
    scene.step("what was told is what the gateway took", "699 + 699", scene.taken());
    scene.pass_days(31).await;
    scene.step("the next order has the new price", "699 + 699 + 1089", scene.taken());
    Ok(())
}
