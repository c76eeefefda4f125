//! One of something for each kind of activity.

use std::ops::{Index, IndexMut};

use super::Kind;

/// One of something for each kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ByKind<T>([T; Kind::COUNT]);

impl<T> ByKind<T> {
    /// What `of` says of each.
    pub fn new(of: impl FnMut(Kind) -> T) -> Self {
        Self(Kind::EACH.map(of))
    }

    /// Each, in the order of the kinds.
    pub fn iter(&self) -> impl Iterator<Item = (Kind, &T)> {
        Kind::ALL.iter().copied().zip(&self.0)
    }

    /// What `of` makes of each.
    pub fn map<U>(&self, mut of: impl FnMut(Kind, &T) -> U) -> ByKind<U> {
        ByKind::new(|kind| of(kind, &self[kind]))
    }
}

impl<T: Default> Default for ByKind<T> {
    fn default() -> Self {
        Self::new(|_| T::default())
    }
}

impl<T> Index<Kind> for ByKind<T> {
    type Output = T;

    fn index(&self, kind: Kind) -> &T {
        &self.0[kind as usize]
    }
}

impl<T> IndexMut<Kind> for ByKind<T> {
    fn index_mut(&mut self, kind: Kind) -> &mut T {
        &mut self.0[kind as usize]
    }
}

/// A module by which serde has one of something for each kind as fields among others (`#[serde(flatten, with = "…")]`): as values
/// of another type, under the key that a kind has for it. What is not there is as by default.
macro_rules! fields {
    ($(#[$doc:meta])* $name:ident, $value:ty as $written:ty, $key:expr) => {
        $(#[$doc])*
        pub(crate) mod $name {
            use ::serde::ser::SerializeMap as _;
            use ::serde::{Deserialize, Deserializer, Serializer, de::Error as _};
            use ::serde_json::{Map, Value};

            use super::*;
            use $crate::activity::{ByKind, Kind};

            pub fn serialize<S: Serializer>(all: &ByKind<$value>, to: S) -> Result<S::Ok, S::Error> {
                let key: fn(Kind) -> String = $key;
                let mut map = to.serialize_map(Some(Kind::ALL.len()))?;
                for (kind, value) in all.iter() {
                    map.serialize_entry(&key(kind), &<$written>::from(value.clone()))?;
                }
                map.end()
            }

            pub fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<ByKind<$value>, D::Error> {
                let key: fn(Kind) -> String = $key;
                let mut fields = Map::<String, Value>::deserialize(from)?;
                let mut all = ByKind::<$value>::default();
                for kind in Kind::ALL {
                    if let Some(value) = fields.remove(&key(*kind)) {
                        let read: $written = ::serde_json::from_value(value).map_err(D::Error::custom)?;
                        all[*kind] = read.into();
                    }
                }
                Ok(all)
            }
        }
    };
}
pub(crate) use fields;
