//! The ledger in memory, for simulation: the same rows and the same answers as the table's, in one process.

use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::{Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use jiff::Timestamp;

use crate::item::{Item, event_key, if_readable, shard};
use crate::{DueItem, DuePage, ItemKey, Kept, KeptEvent, Ledger, LedgerError, Mapping, Subject, Written};

/// A ledger that forgets everything when it is dropped. Deterministic: it asks neither the hour nor chance.
#[derive(Default)]
pub struct MemoryLedger {
    items: Mutex<BTreeMap<String, Item>>,
}

impl MemoryLedger {
    /// An empty ledger.
    pub fn new() -> Self {
        Self::default()
    }

    fn items(&self) -> MutexGuard<'_, BTreeMap<String, Item>> {
        // No method can panic between two changes, so what a poisoned lock guards is whole.
        self.items.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl Ledger for MemoryLedger {
    async fn mapping(&self, subject: Subject) -> Result<Option<Mapping>, LedgerError> {
        self.items().get(&subject.to_string()).map(Item::mapping).transpose()
    }

    async fn write(&self, mapping: &Mapping) -> Result<Written, LedgerError> {
        let (item, written) = Item::of_mapping(mapping)?;
        let mut items = self.items();
        let found = items.get(&item.key);
        if found.map_or(0, |found| found.version) != mapping.version {
            return match found {
                Some(found) if *found == item => Ok(Written::Done(written)),
                found => Ok(Written::Lost(found.map(Item::mapping).transpose()?)),
            };
        }
        items.insert(item.key.clone(), item);
        Ok(Written::Done(written))
    }

    async fn keep_event(&self, event: &KeptEvent) -> Result<Kept, LedgerError> {
        let item = Item::of_event(event, 0)?;
        let mut items = self.items();
        if items.contains_key(&item.key) {
            return Ok(Kept::Known);
        }
        items.insert(item.key.clone(), item);
        Ok(Kept::New)
    }

    async fn event(&self, digest: &str) -> Result<Option<KeptEvent>, LedgerError> {
        self.items().get(&event_key(digest)).map(Item::event).transpose()
    }

    async fn mark_event(&self, digest: &str, due: Option<Timestamp>) -> Result<(), LedgerError> {
        if let Some(item) = self.items().get_mut(&event_key(digest)) {
            item.due = due;
        }
        Ok(())
    }

    async fn due(
        &self,
        of_shard: u8,
        until: Timestamp,
        limit: u32,
        after: Option<&DueItem>,
    ) -> Result<DuePage, LedgerError> {
        let after = after.map(|last| (last.due, last.key.to_string()));
        let items = self.items();
        let mut listed: Vec<(Timestamp, &String)> = items
            .iter()
            .filter_map(|(key, item)| Some((item.due?, key)))
            .filter(|(due, key)| *due <= until && shard(key) == of_shard)
            .filter(|(due, key)| after.as_ref().is_none_or(|(since, last)| (due, *key) > (since, last)))
            .collect();
        listed.sort_unstable();
        let limit = usize::try_from(limit.clamp(1, 1000)).unwrap_or(1);
        let more = listed.len() > limit;
        let entry =
            |(due, key): (Timestamp, &String)| Some(DueItem { due, key: key.parse::<ItemKey>().ok()? });
        Ok(DuePage { items: listed.into_iter().take(limit).filter_map(entry).collect(), more })
    }

    async fn page(&self, limit: u32, after: Option<Subject>) -> Result<Vec<Mapping>, LedgerError> {
        let after = after.map(|subject| subject.to_string());
        let from: Bound<String> = after.map_or(Bound::Unbounded, Bound::Excluded);
        let items = self.items();
        let rows = items.range((from, Bound::Unbounded)).map(|(_, item)| item);
        let mappings = rows.filter(|item| item.is_mapping()).filter_map(|item| if_readable(item.mapping()));
        Ok(mappings.take(usize::try_from(limit).unwrap_or(usize::MAX)).collect())
    }
}
