//! The one seam to the outside: a request is answered, not sent, or nobody knows; deadlines are passed down and only safe requests are repeated.

mod aws;
mod call;
mod clock;
mod deadline;
mod http;
mod pace;
pub mod simulated;
mod transport;

pub use crate::aws::aws_http_client;
pub use crate::call::{Call, Repeat, Wire};
pub use crate::clock::{Clock, SystemClock};
pub use crate::deadline::Deadline;
pub use crate::http::{Http, HttpError};
pub use crate::pace::Pace;
pub use crate::transport::{BODY_BYTES_MAX, Reply, Transport};
