//! Flows of what our own schedule bills: Cleeng asks for nothing and hears of everything.

use serde_json::json;

use crate::LocalError;
use crate::buyer::Billing;
use crate::lifecycle::scene::Scene;
use crate::simulators::cleeng::offers;

pub(super) async fn renewed_and_stopped(scene: &mut Scene<'_>) -> Result<(), LocalError> {
    let subscriber = scene.subscribe_by(offers::MONTHLY, Billing::OwnSchedule).await?;
    scene.step("Cleeng manages it", "false", !scene.at_cleeng(subscriber.id)?.externally_managed);
    scene.pass_days(62).await;
    scene.step("two periods later the gateway took", "699 + 699 + 699", scene.taken());
    scene.step("Cleeng was told", "captured + captured + captured", scene.told());
    scene.happens("cleeng", &format!("subscriptions/{}/stop", subscriber.id), &json!({}))?;
    scene.pass_days(31).await;
    scene.step("the subscription is", "terminated (userCancel)", scene.standing(subscriber.id)?);
    scene.step("the gateway took", "699 + 699 + 699", scene.taken());
    Ok(())
}

pub(super) async fn dunning(scene: &mut Scene<'_>) -> Result<(), LocalError> {
    let mut subscriber = scene.subscribe_by(offers::MONTHLY, Billing::OwnSchedule).await?;
    scene.refuses(subscriber.id, 99).await?;
    scene.pass_days(33).await;
    scene.step("on its first dates", "captured + rejected + rejected", scene.told());
    scene.step("access is left", "true", scene.at_cleeng(subscriber.id)?.has_access);
    scene.give_card(&mut subscriber).await?;
    scene.step("it pays at once, the gateway took", "699 + 699", scene.taken());
    scene.refuses(subscriber.id, 99).await?;
    scene.pass_days(33).await;
    scene.step("a month later none pays", "terminated (paymentCancel)", scene.standing(subscriber.id)?);
    scene.step("the gateway took", "699 + 699", scene.taken());
    Ok(())
}

pub(super) async fn trial_and_pass(scene: &mut Scene<'_>) -> Result<(), LocalError> {
    let subscriber = scene.subscribe_by(offers::TRIAL, Billing::OwnSchedule).await?;
    scene.step("the gateway took", "nothing", scene.taken());
    scene.step("Cleeng was told", "nothing", scene.told());
    scene.pass_days(15).await;
    scene.step("when the trial ends the gateway took", "699", scene.taken());
    scene.step("it is in its trial", "false", scene.at_cleeng(subscriber.id)?.in_trial);
    scene.buy("a pass is bought", offers::PASS, Billing::OwnSchedule).await?;
    scene.pass_days(3).await;
    scene.step("the gateway took", "699 + 399", scene.taken());
    scene.step("passes at Cleeng", "1", scene.system.peers.cleeng.passes().len());
    Ok(())
}
