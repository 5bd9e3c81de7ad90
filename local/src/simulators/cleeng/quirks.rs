//! What Cleeng does not document, each played as the connector takes it for granted, or otherwise.

/// How the simulated Cleeng does what is documented nowhere. `default()` is what the connector takes for granted
/// (docs/unverified.md); every field can be played otherwise, for `ops probe`.
#[derive(Clone, Debug)]
pub struct Quirks {
    /// Orders that are made or changed come bare, not in an envelope.
    pub orders_bare: bool,
    /// PATCH order takes the body and sets nothing.
    pub order_methods_ignored: bool,
    /// A payment with its token inside is refused.
    pub inline_details_refused: bool,
    /// The payments of an order are listed at `/payments?orderId=`, not below the order.
    pub payments_by_query: bool,
    /// A payment that is there already is answered with 409.
    pub repetition_conflicts: bool,
    /// The operation of a first payment without an amount.
    pub free_operation: String,
    /// The name of the refunded amount.
    pub refunded_amount_field: String,
    /// The name of the refund's type.
    pub refund_type_field: String,
    /// Any value is taken for the refund's type.
    pub refund_type_unchecked: bool,
    /// A refunded amount is the sum of all returns so far, not a part.
    pub refunds_are_sums: bool,
    /// Payments do not show why they were returned.
    pub refunded_reason_hidden: bool,
    /// PATCH payment answers with no payment.
    pub updates_unanswered: bool,
    /// A captured payment cannot be rejected any more.
    pub late_failures_refused: bool,
    /// A new active record of a token is only kept: subscriptions go on with theirs.
    pub new_details_kept_only: bool,
    /// Only the older call ends a subscription.
    pub ends_by_patch_only: bool,
    /// A subscription can be ended twice.
    pub ends_twice: bool,
    /// No subscription can be revived.
    pub revival_refused: bool,
    /// The path segment of the dunning actions.
    pub dunning_segment: String,
    /// Shared secrets of webhook endpoints are kept back.
    pub webhook_secrets_hidden: bool,
    /// Requests within a second that are answered; any number if absent.
    pub requests_per_second_max: Option<u32>,
}

impl Default for Quirks {
    fn default() -> Self {
        Self {
            orders_bare: false,
            order_methods_ignored: false,
            inline_details_refused: false,
            payments_by_query: false,
            repetition_conflicts: false,
            free_operation: "initial-free-transaction".to_owned(),
            refunded_amount_field: "refundedAmount".to_owned(),
            refund_type_field: "refundType".to_owned(),
            refund_type_unchecked: false,
            refunds_are_sums: false,
            refunded_reason_hidden: false,
            updates_unanswered: false,
            late_failures_refused: false,
            new_details_kept_only: false,
            ends_by_patch_only: false,
            ends_twice: false,
            revival_refused: false,
            dunning_segment: "dunning_actions".to_owned(),
            webhook_secrets_hidden: false,
            requests_per_second_max: None,
        }
    }
}
