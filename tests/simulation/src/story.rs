//! The story of a life, told step by step where somebody listens.

use std::cell::RefCell;

use jiff::Timestamp;
use tokio::time::Instant;

struct Teller {
    /// The hour at which the life's clock began, and when that was.
    began: Option<(Timestamp, Instant)>,
    lines: Vec<String>,
}

thread_local! {
    static TELLER: RefCell<Option<Teller>> = const { RefCell::new(None) };
}

/// Listens from now on.
pub(crate) fn listen() {
    TELLER.with_borrow_mut(|teller| *teller = Some(Teller { began: None, lines: Vec::new() }));
}

/// Whether somebody listens.
pub(crate) fn is_told() -> bool {
    TELLER.with_borrow(Option::is_some)
}

/// The life's clock begins now.
pub(crate) fn begins(at: Timestamp) {
    TELLER.with_borrow_mut(|teller| {
        if let Some(teller) = teller {
            teller.began = Some((at, Instant::now()));
        }
    });
}

/// One step, if somebody listens.
pub(crate) fn tell(line: impl FnOnce() -> String) {
    TELLER.with_borrow_mut(|teller| {
        let Some(teller) = teller else { return };
        let hour = teller.began.and_then(|(at, began)| at.checked_add(began.elapsed()).ok());
        let hour = hour.map_or_else(String::new, |hour| hour.strftime("%m-%d %H:%M:%S%.3f").to_string());
        teller.lines.push(format!("{hour}  {}", line()));
    });
}

/// The story so far.
pub(crate) fn take() -> Vec<String> {
    TELLER.with_borrow_mut(|teller| {
        teller.as_mut().map(|teller| std::mem::take(&mut teller.lines)).unwrap_or_default()
    })
}
