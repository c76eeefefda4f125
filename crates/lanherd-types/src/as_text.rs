//! Values that files hold as a person writes them.

/// Implements serde's traits for types that are written by [`Display`](std::fmt::Display) and read by
/// [`FromStr`](std::str::FromStr): they are text in JSON and TOML, and what is no such text is refused in `FromStr`'s words.
///
/// The crate that uses it needs serde.
///
/// ```
/// lanherd_types::serde_as_text!(Even);
///
/// /// An even number.
/// #[derive(Debug, PartialEq)]
/// struct Even(u32);
///
/// impl std::str::FromStr for Even {
///     type Err = String;
///
///     fn from_str(text: &str) -> Result<Self, String> {
///         match text.parse() {
///             Ok(number) if number % 2 == 0 => Ok(Self(number)),
///             _ => Err(format!("{text:?} is no even number")),
///         }
///     }
/// }
///
/// impl std::fmt::Display for Even {
///     fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
///         self.0.fmt(f)
///     }
/// }
///
/// assert_eq!(serde_json::to_string(&Even(4)).expect("text"), "\"4\"");
/// assert_eq!(serde_json::from_str::<Even>("\"4\"").expect("even"), Even(4));
/// let refused = serde_json::from_str::<Even>("\"5\"").expect_err("odd");
/// assert!(refused.to_string().starts_with("\"5\" is no even number"));
/// ```
#[macro_export]
macro_rules! serde_as_text {
    ($($type:ty),+ $(,)?) => {$(
        impl ::serde::Serialize for $type {
            fn serialize<S: ::serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> ::serde::Deserialize<'de> for $type {
            fn deserialize<D: ::serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = <::std::string::String as ::serde::Deserialize>::deserialize(deserializer)?;
                text.parse().map_err(::serde::de::Error::custom)
            }
        }
    )+};
}
