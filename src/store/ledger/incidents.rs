//! What a person must look at, since start. Bounded: the journal has them all.

use std::collections::VecDeque;

use crate::{
    domain::{limits::INCIDENTS_MAX, time::Timestamp},
    store::event::Event,
};

#[derive(Default)]
pub(super) struct Incidents(VecDeque<(Timestamp, Event)>);

impl Incidents {
    pub(super) fn add(&mut self, time: Timestamp, event: Event) {
        if self.0.len() == INCIDENTS_MAX {
            self.0.pop_front();
        }
        self.0.push_back((time, event));
    }

    pub(super) fn list(&self) -> Vec<(Timestamp, Event)> {
        self.0.iter().cloned().collect()
    }

    pub(super) fn clear(&mut self) {
        self.0.clear();
    }
}
