//! Buffers that are used again: memory given back to the system and asked for anew costs more than what is computed in it.

use std::any::Any;
use std::cell::RefCell;
use std::ops::{Deref, DerefMut};
use std::sync::{Mutex, PoisonError};

use crate::lanes::Lanes;

/// Room for one measurement: buffers that nobody uses.
pub(super) struct Room<V>(RefCell<Vec<Vec<V>>>);

/// A buffer, which goes back to its room.
pub(super) struct Buffer<'r, V> {
    /// At least as many as are in use.
    entries: Vec<V>,
    length: usize,
    room: &'r Room<V>,
}

/// The rooms of those measurements that are not under way.
#[derive(Debug, Default)]
pub(super) struct Rooms(Mutex<Vec<Box<dyn Any + Send>>>);

impl<V> Default for Room<V> {
    fn default() -> Self {
        Self(RefCell::default())
    }
}

impl<V: Lanes> Room<V> {
    /// So many vectors, with any numbers in them.
    #[inline(always)]
    pub fn buffer(&self, length: usize) -> Buffer<'_, V> {
        let mut entries = self.0.borrow_mut().pop().unwrap_or_default();
        if entries.len() < length {
            entries.resize(length, V::splat(0.0));
        }
        Buffer {
            entries,
            length,
            room: self,
        }
    }

    /// The same, all 0.
    #[inline(always)]
    pub fn zeros(&self, length: usize) -> Buffer<'_, V> {
        let mut buffer = self.buffer(length);
        buffer.fill(V::splat(0.0));
        buffer
    }
}

impl<V: Lanes> Clone for Buffer<'_, V> {
    #[inline(always)]
    fn clone(&self) -> Self {
        let mut copy = self.room.buffer(self.length);
        copy.copy_from_slice(self);
        copy
    }
}

impl<'r, V> Buffer<'r, V> {
    /// Where it came from.
    pub fn room(&self) -> &'r Room<V> {
        self.room
    }
}

impl<V> Deref for Buffer<'_, V> {
    type Target = [V];

    #[inline(always)]
    fn deref(&self) -> &[V] {
        &self.entries[..self.length]
    }
}

impl<V> DerefMut for Buffer<'_, V> {
    #[inline(always)]
    fn deref_mut(&mut self) -> &mut [V] {
        &mut self.entries[..self.length]
    }
}

impl<V> Drop for Buffer<'_, V> {
    fn drop(&mut self) {
        let entries = std::mem::take(&mut self.entries);
        self.room.0.borrow_mut().push(entries);
    }
}

impl Rooms {
    /// Does `work` in one of them, or in a new one.
    #[inline(always)]
    pub fn within<V: Lanes, R>(&self, work: impl FnOnce(&Room<V>) -> R) -> R {
        let free = || self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let kept = free().pop().and_then(|room| room.downcast().ok());
        let room: Box<Room<V>> = kept.unwrap_or_default();
        let result = work(&room);
        free().push(room);
        result
    }
}

/// A copy begins without.
impl Clone for Rooms {
    fn clone(&self) -> Self {
        Self::default()
    }
}
