//! What clients are to do: an option and a key for each kind of activity, among those that are the same whatever there is to do.

#[cfg(feature = "cli")]
mod options;

use std::collections::BTreeMap;
use std::fmt;

use serde::de::{
    DeserializeSeed, Deserializer, Error, IntoDeserializer, MapAccess, SeqAccess, Visitor,
};
use serde::ser::{Serialize, SerializeMap, Serializer};

use super::{Ipv6Settings, Mistake};
use crate::activity::{Activity, FamilyChoice, Kind, Subject};
use crate::family::Families;

/// What clients are to do, by kind: nothing is said of the kinds that are not in it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct WantedActivities(BTreeMap<Kind, Vec<Subject>>);

impl WantedActivities {
    /// What is said of a kind; `None` where nothing is.
    pub fn of(&self, kind: Kind) -> Option<&[Subject]> {
        self.0.get(&kind).map(Vec::as_slice)
    }

    /// All that there is to do, kind by kind.
    pub fn iter(&self) -> impl Iterator<Item = &Subject> {
        self.0.values().flatten()
    }

    /// That nothing goes over a family that clients of these are not to have.
    pub(super) fn check_families(&self, families: Families) -> Result<(), Mistake> {
        for subject in self.iter() {
            if let FamilyChoice::Only(over) = subject.family_choice(families)
                && !families.include(over)
            {
                return Err(Mistake::NotOver {
                    kind: subject.kind(),
                    subject: subject.to_string(),
                    over,
                });
            }
        }
        Ok(())
    }

    /// That nothing comes from a delegated prefix that clients are not to have.
    pub(super) fn check_sources(&self, ipv6: Ipv6Settings) -> Result<(), Mistake> {
        for subject in self.iter() {
            if subject.is_from_delegated() && ipv6.delegated_prefix.is_none() {
                let subject = subject.to_string();
                return Err(Mistake::NoDelegatedPrefix { subject });
            }
        }
        Ok(())
    }

    /// How many things there are to do.
    pub fn len(&self) -> usize {
        self.iter().count()
    }

    /// Whether there is nothing to do.
    pub fn is_empty(&self) -> bool {
        self.iter().next().is_none()
    }

    /// The same, with what `whole` says of the kinds of which nothing is said here.
    pub(super) fn or(&self, whole: &Self) -> Self {
        let mut all = whole.0.clone();
        all.extend(self.0.clone());
        Self(all)
    }

    /// Adds something to do.
    pub fn push(&mut self, subject: Subject) {
        self.0.entry(subject.kind()).or_default().push(subject);
    }

    /// Each once, in order.
    pub(super) fn each_once(mut self) -> Self {
        for subjects in self.0.values_mut() {
            subjects.sort_unstable();
            subjects.dedup();
        }
        self
    }
}

impl FromIterator<Subject> for WantedActivities {
    fn from_iter<I: IntoIterator<Item = Subject>>(all: I) -> Self {
        let mut by_kind: BTreeMap<Kind, Vec<Subject>> = BTreeMap::new();
        for subject in all {
            by_kind.entry(subject.kind()).or_default().push(subject);
        }
        Self(by_kind)
    }
}

/// Under the names of the options; every kind is named.
impl Serialize for WantedActivities {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(Kind::ALL.len()))?;
        for kind in Kind::ALL {
            let subjects = self.of(*kind).unwrap_or_default().iter();
            let texts: Vec<String> = subjects.map(Subject::to_string).collect();
            map.serialize_entry(kind.about().option.name, &texts)?;
        }
        map.end()
    }
}

/// Reads a table that has the keys of all kinds beside its own: `own` reads what is left when these are taken out. So each
/// error keeps its place in the file, which serde's `flatten` would lose.
///
/// # Errors
/// If the table has an unknown key, or a value is none of its key's.
pub(super) fn beside<'de, D: Deserializer<'de>, T>(
    from: D,
    own: impl FnOnce(Others<'_, D>) -> Result<T, D::Error>,
) -> Result<(T, WantedActivities), D::Error> {
    let mut activities = WantedActivities::default();
    let table = own(Others {
        from,
        activities: &mut activities,
    })?;
    Ok((table, activities))
}

/// A table but for the keys of activities.
pub(super) struct Others<'a, D> {
    from: D,
    activities: &'a mut WantedActivities,
}

impl<'de, D: Deserializer<'de>> Deserializer<'de> for Others<'_, D> {
    type Error = D::Error;

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, D::Error> {
        self.from.deserialize_map(OthersVisitor {
            visitor,
            fields,
            activities: self.activities,
        })
    }

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, D::Error> {
        self.from.deserialize_any(visitor)
    }

    serde::forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option unit unit_struct
        newtype_struct seq tuple tuple_struct map enum identifier ignored_any
    }
}

struct OthersVisitor<'a, V> {
    visitor: V,
    fields: &'static [&'static str],
    activities: &'a mut WantedActivities,
}

impl<'de, V: Visitor<'de>> Visitor<'de> for OthersVisitor<'_, V> {
    type Value = V::Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.visitor.expecting(f)
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<V::Value, A::Error> {
        self.visitor.visit_map(OtherKeys {
            map,
            fields: self.fields,
            activities: self.activities,
        })
    }
}

struct OtherKeys<'a, A> {
    map: A,
    fields: &'static [&'static str],
    activities: &'a mut WantedActivities,
}

impl<'de, A: MapAccess<'de>> MapAccess<'de> for OtherKeys<'_, A> {
    type Error = A::Error;

    fn next_key_seed<K: DeserializeSeed<'de>>(
        &mut self,
        seed: K,
    ) -> Result<Option<K::Value>, A::Error> {
        let mut seed = Some(seed);
        loop {
            let key = KeySeed {
                seed: &mut seed,
                fields: self.fields,
            };
            match self.map.next_key_seed(key)? {
                None => return Ok(None),
                Some(OptionKey::Other(key)) => return Ok(Some(key)),
                Some(OptionKey::Activity(kind)) => {
                    let subjects = self.map.next_value_seed(SubjectsSeed(kind))?;
                    self.activities.0.insert(kind, subjects);
                }
            }
        }
    }

    fn next_value_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<S::Value, A::Error> {
        self.map.next_value_seed(seed)
    }
}

enum OptionKey<T> {
    Activity(Kind),
    Other(T),
}

struct KeySeed<'a, K> {
    seed: &'a mut Option<K>,
    fields: &'static [&'static str],
}

impl<'de, K: DeserializeSeed<'de>> DeserializeSeed<'de> for KeySeed<'_, K> {
    type Value = OptionKey<K::Value>;

    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<Self::Value, D::Error> {
        let key: String = serde::Deserialize::deserialize(from)?;
        let mut kinds = Kind::ALL.iter().copied();
        if let Some(kind) = kinds.find(|kind| kind.about().option.name == key) {
            return Ok(OptionKey::Activity(kind));
        }
        match self.seed.take() {
            Some(seed) if self.fields.contains(&key.as_str()) => seed
                .deserialize(key.into_deserializer())
                .map(OptionKey::Other),
            _ => Err(D::Error::custom(unknown(&key, self.fields))),
        }
    }
}

/// As serde says it of a key that is none of a struct's, with the keys of all kinds.
fn unknown(key: &str, fields: &[&str]) -> String {
    let kinds = Kind::ALL.iter().map(|kind| kind.about().option.name);
    let known: Vec<String> = fields
        .iter()
        .copied()
        .chain(kinds)
        .map(|known| format!("`{known}`"))
        .collect();
    format!(
        "unknown field `{key}`, expected one of {}",
        known.join(", ")
    )
}

/// A list of what activities of a kind are done to.
struct SubjectsSeed(Kind);

impl<'de> DeserializeSeed<'de> for SubjectsSeed {
    type Value = Vec<Subject>;

    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<Vec<Subject>, D::Error> {
        from.deserialize_seq(self)
    }
}

impl<'de> Visitor<'de> for SubjectsSeed {
    type Value = Vec<Subject>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a sequence")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Vec<Subject>, A::Error> {
        let mut subjects = Vec::new();
        while let Some(subject) = list.next_element_seed(SubjectSeed(self.0))? {
            subjects.push(subject);
        }
        Ok(subjects)
    }
}

/// What an activity of a kind is done to.
struct SubjectSeed(Kind);

impl<'de> DeserializeSeed<'de> for SubjectSeed {
    type Value = Subject;

    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<Subject, D::Error> {
        let text: String = serde::Deserialize::deserialize(from)?;
        self.0.read(&text).map_err(D::Error::custom)
    }
}

/// Several words: `pings, lookups, fetches and commands`.
pub(super) fn all_kinds() -> String {
    let names: Vec<&str> = Kind::ALL.iter().map(|kind| kind.about().many).collect();
    match names.as_slice() {
        [others @ .., last] if !others.is_empty() => format!("{} and {last}", others.join(", ")),
        names => names.concat(),
    }
}

/// As clients are told to do them: over and over, so often, each within so long.
pub(super) fn standing(
    all: &WantedActivities,
    interval: std::time::Duration,
    timeout: std::time::Duration,
) -> Vec<Activity> {
    let standing = |subject: &Subject| Activity {
        subject: subject.clone(),
        count: None,
        interval,
        timeout,
    };
    all.iter().map(standing).collect()
}
