//! A ledger that tells whoever watches what is written down in it, the moment it stands there.

use std::sync::Arc;

use async_trait::async_trait;
use ledger::{Around, Ledger, LedgerError, Line, Mapping, Subject, Written};
use wire::Clock;

use super::Overheard;

/// Any ledger, overheard.
pub(crate) struct Watched {
    pub(crate) ledger: Arc<dyn Ledger>,
    pub(crate) overheard: Arc<Overheard>,
    pub(crate) clock: Arc<dyn Clock>,
}

#[async_trait]
impl Around for Watched {
    fn inner(&self) -> &dyn Ledger {
        &*self.ledger
    }

    async fn mapping(&self, subject: Subject) -> Result<Option<Mapping>, LedgerError> {
        let found = self.ledger.mapping(subject).await?;
        if let Some(item) = &found {
            self.overheard.seen(item);
        }
        Ok(found)
    }

    async fn write(&self, mapping: &Mapping) -> Result<Written, LedgerError> {
        let written = self.ledger.write(mapping).await?;
        match &written {
            Written::Done(item) => self.overheard.wrote(self.clock.now(), item),
            Written::Lost(Some(item)) => self.overheard.seen(item),
            Written::Lost(None) => {}
        }
        Ok(written)
    }
}

/// The lines that came after those known: the oldest may have made room since.
pub(super) fn added<'a>(known: &[Line], now: &'a [Line]) -> &'a [Line] {
    for gone in 0..=known.len() {
        let rest = known.get(gone..).unwrap_or_default();
        if let Some(new) = now.strip_prefix(rest) {
            return new;
        }
    }
    now
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(words: &[&str]) -> Vec<Line> {
        words.iter().map(|what| Line { at: jiff::Timestamp::UNIX_EPOCH, what: (*what).to_owned() }).collect()
    }

    #[test]
    fn only_lines_that_a_write_adds_are_told_though_older_ones_made_room() {
        let known = lines(&["intended", "answered", "told"]);
        assert_eq!(added(&known, &lines(&["told", "asked again"])), lines(&["asked again"]));
        assert_eq!(added(&known, &known), lines(&[]));
        assert_eq!(added(&[], &known), known);
        assert_eq!(added(&known, &lines(&["other"])), lines(&["other"]));
    }
}
