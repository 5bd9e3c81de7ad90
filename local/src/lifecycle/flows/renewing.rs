//! Flows of Cleeng's renewals: in two steps, in one, after refusals, and on request.

use serde_json::json;

use crate::LocalError;
use crate::buyer::Billing;
use crate::lifecycle::scene::Scene;
use crate::simulators::cleeng::{PaymentState, offers};

pub(super) async fn two_steps(scene: &mut Scene<'_>) -> Result<(), LocalError> {
    let subscriber = scene.subscribe().await?;
    scene.run_to_hours_before_end(subscriber.id, 60).await?;
    scene.step("before it is due the gateway holds", "699", scene.held());
    scene.step("Cleeng was told", "captured + authorized", scene.told());
    scene.pass_days(3).await;
    scene.step("when it is due the gateway took", "699 + 699", scene.taken());
    scene.step("Cleeng was told", "captured + captured", scene.told());
    scene.step("periods paid", "2", scene.at_cleeng(subscriber.id)?.periods);
    Ok(())
}

pub(super) async fn one_step(scene: &mut Scene<'_>) -> Result<(), LocalError> {
    let subscriber = scene.subscribe_by(offers::WEEKLY, Billing::OneStep).await?;
    scene.pass_days(8).await;
    scene.step("the gateway took", "199 + 199", scene.taken());
    scene.step("Cleeng was told", "captured + captured", scene.told());
    scene.step("the subscription is", "active", scene.standing(subscriber.id)?);
    Ok(())
}

pub(super) async fn dunning(scene: &mut Scene<'_>) -> Result<(), LocalError> {
    let subscriber = scene.subscribe().await?;
    scene.refuses(subscriber.id, 3).await?;
    scene.run_to_hours_before_end(subscriber.id, 20).await?;
    scene.step("on its first dates", "captured + rejected + rejected + rejected", scene.told());
    scene.pass_days(2).await;
    scene.step("on the last the gateway took", "699 + 699", scene.taken());
    scene.step("the subscription is", "active", scene.standing(subscriber.id)?);
    Ok(())
}

pub(super) async fn capture_payment(scene: &mut Scene<'_>) -> Result<(), LocalError> {
    let subscriber = scene.subscribe().await?;
    scene.run_to_hours_before_end(subscriber.id, 60).await?;
    scene.step("the gateway holds", "699", scene.held());
    let payments = scene.system.peers.cleeng.payments();
    let open = payments.iter().find(|row| row.status == PaymentState::Authorized).map(|row| row.id);
    let open = open.ok_or_else(|| LocalError::Story("no payment is authorised at Cleeng".to_owned()))?;
    for _ in 0..2 {
        scene.happens("cleeng", &format!("payments/{open}/capture"), &json!({}))?;
    }
    scene.pass_minutes(10).await;
    scene.step("asked for twice, the gateway took", "699 + 699", scene.taken());
    scene.pass_days(4).await;
    scene.step("when it is due the gateway took", "699 + 699", scene.taken());
    scene.step("Cleeng was told", "captured + captured", scene.told());
    Ok(())
}
