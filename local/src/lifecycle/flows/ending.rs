//! Flows that end a subscription, for either reason.

use serde_json::json;

use crate::LocalError;
use crate::lifecycle::scene::Scene;

pub(super) async fn unpaid(scene: &mut Scene<'_>) -> Result<(), LocalError> {
    let subscriber = scene.subscribe().await?;
    scene.refuses(subscriber.id, 99).await?;
    scene.pass_days(40).await;
    scene.step("the subscription is", "terminated (paymentCancel)", scene.standing(subscriber.id)?);
    scene.step("the gateway took", "699", scene.taken());
    scene.step("access is left", "false", scene.at_cleeng(subscriber.id)?.has_access);
    Ok(())
}

pub(super) async fn stopped(scene: &mut Scene<'_>) -> Result<(), LocalError> {
    let subscriber = scene.subscribe().await?;
    scene.run_to_hours_before_end(subscriber.id, 60).await?;
    scene.step("the gateway holds", "699", scene.held());
    scene.happens("cleeng", &format!("subscriptions/{}/stop", subscriber.id), &json!({}))?;
    scene.pass_days(4).await;
    scene.step("the subscription is", "terminated (userCancel)", scene.standing(subscriber.id)?);
    scene.step("the gateway holds", "nothing", scene.held());
    scene.step("the gateway took", "699", scene.taken());
    Ok(())
}
