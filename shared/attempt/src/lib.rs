//! The one place that moves money: write the intention down, ask the gateway, write the answer down, tell Cleeng, write that down.
//!
//! Every step may be re-entered by any worker at any point. What to do next is decided by pure functions ([`next`],
//! [`plan_authorisation`], [`plan_capture`]) from what the ledger holds; the driver around them is small.

mod apply;
mod ask;
mod caps;
mod cards;
mod count;
mod due;
mod end;
mod find;
mod forward;
mod holds;
mod late;
mod link;
mod mirror;
mod next;
mod own;
mod plan;
mod release;
mod returns;
mod run;
mod tell;
mod tries;
mod write;

pub use apply::{LEASE, began, begin_end, learn, open_period};
pub use caps::{Caps, beyond, wait_a_moment};
pub use cards::{
    Known, bar_elsewhere, bar_token, drop_details, items_of, known_of, renew_token, spread_card,
    subscriptions_of,
};
pub use due::{LOOKS_MAX, due, pause};
pub use end::{Ending, end, end_at_cleeng, is_taken, mark_unserved, reason};
pub use find::{Names, holding, holding_of, money, past_taking, payment_item};
pub use holds::{HoldPlan, lapsed, left_over, plan_letting_go, plan_taking, taking};
pub use late::{aimed_at, answer_in, correct, correction, has_rival, learn_card, reopen, takes_back};
pub use link::{Linked, link};
pub use next::{Next, next};
pub use own::{Dunning, OwnPlan, plan_own};
pub use plan::{CapturePlan, RenewalPlan, plan_authorisation, plan_capture, same_period, unfinished};
pub use release::release;
pub use returns::{RefundPlan, Returned, plan_refund, remember_return, returned};
pub use run::{Begun, Done, Ended, Means, begin, finish, look_again, record, refuse, resume, settle};
pub use tries::{count_try, may_try};
pub use write::{change, write};
