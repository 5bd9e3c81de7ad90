//! Orders: how they come, and how a payment method is set on one.

use payment::{Failure, OfferId, OrderId};
use serde_json::{Value, json};

use super::ask::{Answer, Api, id};
use super::{Seen, Verdict};

/// Makes an order without a payment method, and sets it.
pub(super) async fn order(api: &Api<'_>, seen: &mut Vec<Seen>) -> Result<OrderId, Failure> {
    let made = create(api, &api.sandbox.offer, false).await?;
    let (order, wrapped) = read(&made)?;
    let got = api.get(&format!("/orders/{order}")).await?;
    let shape = |wrapped| if wrapped { "in an envelope" } else { "bare" };
    let saw =
        format!("POST answers {}, GET {}; both are read", shape(wrapped), shape(got.resource("order").1));
    seen.push(Seen::new("orders bare or in an envelope", Verdict::AsAssumed, saw));

    let set = api.patch(&format!("/orders/{order}"), &json!({ "paymentMethodId": api.method })).await?;
    let got = api.get(&format!("/orders/{order}")).await?;
    let is_set = id(got.resource("order").0, "paymentMethodId") == Some(api.method.number());
    let (verdict, saw) = match (set.is_success(), is_set) {
        (true, true) => (Verdict::AsAssumed, "{\"paymentMethodId\"} sets it".to_owned()),
        (true, false) => (Verdict::Otherwise, format!("it answers {} and sets nothing", set.told())),
        (false, _) => (Verdict::Otherwise, format!("refused: {}", set.told())),
    };
    seen.push(Seen::new("body of PATCH order", verdict, saw));
    let saw = "every id above was sent as an integer and taken";
    seen.push(Seen::new("ids as integers", Verdict::AsAssumed, saw));
    match is_set {
        true => Ok(order),
        // What follows needs an order that can be paid.
        false => Ok(read(&create(api, &api.sandbox.offer, true).await?)?.0),
    }
}

/// An order of an offer, with the payment method where that is wanted.
pub(super) async fn create(api: &Api<'_>, offer: &OfferId, with_method: bool) -> Result<Answer, Failure> {
    let mut body = json!({
        "customerId": api.sandbox.customer, "offerId": offer, "currency": api.sandbox.currency,
        "country": api.sandbox.country,
    });
    if let (Value::Object(members), true) = (&mut body, with_method) {
        members.insert("paymentMethodId".to_owned(), json!(api.method));
    }
    api.post("/orders", &body).await
}

/// Its id, and whether it came in an envelope.
pub(super) fn read(made: &Answer) -> Result<(OrderId, bool), Failure> {
    let (order, wrapped) = made.resource("order");
    let refused = || Failure::refuse(format!("the sandbox makes no order: {}", made.told()));
    let number = id(order, "id").ok_or_else(refused)?;
    Ok((number.try_into().map_err(|_| refused())?, wrapped))
}
