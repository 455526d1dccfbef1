//! Features of clips that an encoder which nothing changes has computed: in memory up to a limit, then in a file.

mod spill;

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use self::spill::{Spill, Spilled};
use crate::error::{Error, Result};
use crate::runtime::helper::run_beside;

/// What an encoder was when it computed features: another one after each write to its weights.
pub(crate) type EncoderState = Vec<(usize, i64)>;

/// Features of the clips of one dataset, by the clips' indices there.
///
/// The engine's thread of one model writes to it; any thread may ask. No lock is held while features are computed, or
/// while a file is read or written.
pub struct FeatureCache {
    /// Bytes that memory has room for; `None` keeps nothing at all.
    room: Option<Arc<AtomicU64>>,
    state: Mutex<State>,
}

/// What a batch knows of the features of its clips.
#[derive(Clone)]
pub(crate) struct ClipFeatures {
    pub cache: Arc<FeatureCache>,
    /// Of each clip.
    pub keys: Vec<i64>,
    /// The encoder's, as the caller counts.
    pub version: u32,
    /// The positions of the clips whose frames came with the batch, ascending; all of them where there is nothing here.
    pub present: Option<Vec<usize>>,
}

/// How much a cache holds, and how often that was of use.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct FeatureUse {
    /// Clips whose features are kept.
    pub clips: u64,
    /// Their bytes, in memory and in the file.
    pub bytes: u64,
    /// Their bytes in the file.
    pub spilled: u64,
    /// Clips whose features were kept when a batch needed them.
    pub hits: u64,
    /// Clips whose features were computed.
    pub misses: u64,
}

#[derive(Default)]
struct State {
    /// The caller's number of the encoder whose features these are.
    version: u32,
    encoder: Option<EncoderState>,
    places: HashMap<i64, Place>,
    spill: Spill,
    used: FeatureUse,
    is_released: bool,
}

/// Where features of a clip are, float32 of `[frames, features]`.
#[derive(Clone)]
enum Place {
    Memory(Arc<[f32]>),
    File(Spilled),
}

impl FeatureCache {
    /// An empty cache that keeps `limit` bytes in memory and what comes then in a file without a name in the system's
    /// temporary folder. With `None` it keeps nothing: features are then computed as they would be, each time.
    #[must_use]
    pub fn new(limit: Option<u64>) -> Self {
        Self {
            room: limit.map(|limit| Arc::new(AtomicU64::new(limit))),
            state: Mutex::default(),
        }
    }

    /// An empty cache of another dataset, with which this one shares its limit.
    #[must_use]
    pub fn beside(&self) -> Self {
        Self {
            room: self.room.clone(),
            state: Mutex::default(),
        }
    }

    /// The positions in `keys` of the clips that have no features by the encoder of that `version`.
    #[must_use]
    pub fn missing(&self, keys: &[i64], version: u32) -> Vec<usize> {
        let state = self.state();
        let is_missing = |key| state.version != version || !state.places.contains_key(key);
        (0..keys.len())
            .filter(|&position| is_missing(&keys[position]))
            .collect()
    }

    /// How much there is now, and what was of use since the cache was made.
    #[must_use]
    pub fn used(&self) -> FeatureUse {
        let state = self.state();
        FeatureUse {
            clips: state.places.len() as u64,
            ..state.used
        }
    }

    /// Lets go of everything for good. Twice is fine.
    pub fn release(&self) {
        let mut state = self.state();
        state.is_released = true;
        let gone = self.take(&mut state);
        drop(state);
        // Gigabytes take a while to be given back, which the caller does not wait for.
        run_beside(
            move || {
                drop(gone);
                Ok(())
            },
            |_| (),
        );
    }

    /// Says which encoder the features from here on are by, as the caller counts (`version`), and what it is now; features
    /// by another one are dropped. Without a state the encoder's features are not to be kept.
    pub(crate) fn renew(&self, version: u32, encoder: Option<EncoderState>) {
        let mut state = self.state();
        let gone = if encoder.is_none() || state.encoder != encoder {
            Some(self.take(&mut state))
        } else {
            None
        };
        state.encoder = encoder;
        state.version = version;
        drop(state);
        drop(gone);
    }

    /// Copies the features of a clip to `values`; says whether there were any, of this length.
    ///
    /// # Errors
    /// `Data` where the file cannot be read.
    pub(crate) fn read(&self, key: i64, values: &mut [f32]) -> Result<bool> {
        let place = self.state().places.get(&key).cloned();
        match place {
            Some(Place::Memory(kept)) if kept.len() == values.len() => values.copy_from_slice(&kept),
            Some(Place::File(spilled)) if spilled.len() == values.len() => spilled.read(values)?,
            _ => return Ok(false),
        }
        Ok(true)
    }

    /// Keeps the features of a clip, unless it has some or there is no room on the disk.
    pub(crate) fn put(&self, key: i64, values: &[f32]) {
        let Some(room) = &self.room else { return };
        let bytes = size_of_val(values) as u64;
        let mut state = self.state();
        if state.is_released || state.places.contains_key(&key) {
            return;
        }
        let less = |left: u64| left.checked_sub(bytes);
        let place = if room.fetch_update(Ordering::Relaxed, Ordering::Relaxed, less).is_ok() {
            drop(state);
            Place::Memory(values.into())
        } else {
            let reserved = state.spill.reserve(values.len());
            drop(state);
            let Some(spilled) = reserved else { return };
            if !spilled.write(values) {
                self.state().spill.close(); //           a full disk ends the cache's growth, not the training
                return;
            }
            Place::File(spilled)
        };
        let mut state = self.state();
        state.used.bytes += bytes;
        if matches!(place, Place::File(_)) {
            state.used.spilled += bytes;
        }
        state.places.insert(key, place);
        let gone = state.is_released.then(|| self.take(&mut state));
        drop(state);
        drop(gone);
    }

    /// Whether it keeps anything.
    pub(crate) fn keeps(&self) -> bool {
        self.room.is_some()
    }

    /// Counts the clips of a batch whose features were kept, and those whose features were not.
    pub(crate) fn count(&self, hits: usize, misses: usize) {
        let mut state = self.state();
        state.used.hits += hits as u64;
        state.used.misses += misses as u64;
    }

    /// Takes everything out: whoever drops it frees the memory and the file.
    fn take(&self, state: &mut State) -> (HashMap<i64, Place>, Spill) {
        if let Some(room) = &self.room {
            room.fetch_add(state.used.bytes - state.used.spilled, Ordering::Relaxed);
        }
        (state.used.bytes, state.used.spilled) = (0, 0);
        (std::mem::take(&mut state.places), std::mem::take(&mut state.spill))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A clip has neither frames nor features: whoever makes batches asks the cache, and knows the encoder's version.
pub(crate) fn frames_left_out() -> Error {
    Error::Internal {
        reason: "a batch came without frames whose features are not kept".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn encoder(version: i64) -> EncoderState {
        vec![(1, version)]
    }

    fn read(cache: &FeatureCache, key: i64, len: usize) -> Result<Option<Vec<f32>>> {
        let mut values = vec![0.0; len];
        Ok(cache.read(key, &mut values)?.then_some(values))
    }

    #[test]
    fn features_beyond_the_limit_are_in_a_file_and_come_back_as_they_were() -> Result<()> {
        let cache = FeatureCache::new(Some(20));
        cache.renew(1, Some(encoder(1)));
        let clips = [
            vec![1.0, -2.0, f32::MIN_POSITIVE],
            vec![4.0; 5],
            vec![5.0, 6.0],
            vec![7.0; 1000],
        ];
        for (key, clip) in (0..).zip(&clips) {
            cache.put(key, clip);
        }
        assert_eq!(cache.missing(&[9, 3, 0], 1), [0]);
        for (key, clip) in (0..).zip(&clips) {
            assert_eq!(read(&cache, key, clip.len())?.as_ref(), Some(clip));
        }
        let used = cache.used();
        assert_eq!((used.clips, used.bytes, used.spilled), (4, 4 * 1010, 4 * 1005));
        assert_eq!(read(&cache, 0, 2)?, None); //       another number of frames
        Ok(())
    }

    #[test]
    fn caches_beside_each_other_share_a_limit() {
        let cache = FeatureCache::new(Some(16));
        let other = cache.beside();
        cache.put(0, &[1.0; 3]);
        other.put(0, &[1.0; 1]);
        other.put(1, &[1.0; 1]);
        assert_eq!(
            (cache.used().spilled, other.used().bytes, other.used().spilled),
            (0, 8, 4)
        );
        cache.release();
        other.put(2, &[1.0; 3]);
        assert_eq!(other.used().spilled, 4);
    }

    #[test]
    fn features_of_another_encoder_are_none() -> Result<()> {
        let cache = FeatureCache::new(Some(1 << 20));
        cache.renew(1, Some(encoder(1)));
        cache.put(0, &[1.0]);
        assert_eq!(cache.missing(&[0], 2), [0]); //      not yet known to be the same
        cache.renew(2, Some(encoder(1)));
        assert_eq!(cache.missing(&[0], 2), [0; 0]);
        cache.renew(3, Some(encoder(2)));
        assert_eq!(cache.missing(&[0], 3), [0]);
        assert_eq!(read(&cache, 0, 1)?, None);
        cache.put(0, &[2.0]);
        cache.renew(3, None);
        assert_eq!(cache.used(), FeatureUse::default());
        Ok(())
    }

    #[test]
    fn a_cache_without_a_limit_or_after_its_end_keeps_nothing() {
        for cache in [
            FeatureCache::new(None),
            FeatureCache::new(Some(100)),
            FeatureCache::new(Some(0)),
        ] {
            cache.renew(1, Some(encoder(1)));
            if cache.keeps() {
                cache.put(0, &[1.0]);
                cache.release();
                cache.release();
            }
            cache.put(1, &[1.0]);
            assert_eq!(cache.used(), FeatureUse::default());
        }
    }
}
