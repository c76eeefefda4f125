//! Closed lists of words: enums whose values are the same text in metrics, reports, logs and files.

/// Implements `ALL`, `as_str`, `Display` and serde's traits for an enum of words, from one table.
///
/// The crate that uses it needs serde with its derive macros.
///
/// ```
/// lanherd_types::words! {
///     /// What a door is.
///     Door {
///         /// Everybody may pass.
///         Open = "open",
///         /// Nobody may.
///         Shut = "shut",
///     }
/// }
///
/// assert_eq!(Door::ALL, [Door::Open, Door::Shut]);
/// assert_eq!(Door::Shut.to_string(), "shut");
/// ```
#[macro_export]
macro_rules! words {
    ($(#[$meta:meta])* $name:ident { $($(#[$doc:meta])* $variant:ident = $word:literal,)+ }) => {
        $(#[$meta])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        #[derive(::serde::Serialize, ::serde::Deserialize)]
        pub enum $name { $($(#[$doc])* #[serde(rename = $word)] $variant,)+ }

        impl $name {
            /// Every value, in order.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)+];

            /// The word itself.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $word,)+ }
            }
        }

        impl ::std::fmt::Display for $name {
            fn fmt(&self, f: &mut ::std::fmt::Formatter<'_>) -> ::std::fmt::Result {
                f.pad(self.as_str())
            }
        }
    };
}
