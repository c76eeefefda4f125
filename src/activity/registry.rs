//! What is made of the list of kinds: the kind itself, what it is done to, and what only it knows, each of any kind.

/// Makes `Kind`, `Subject` and `Detail` of a list of kinds, each with the type of what it is done to.
macro_rules! kinds {
    ($($(#[$doc:meta])* $kind:ident($subject:ty),)+) => {
        /// A kind of activity, in the order in which they are listed everywhere.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Kind { $($(#[$doc])* $kind,)+ }

        impl Kind {
            const EACH: [Self; Self::COUNT] = [$(Self::$kind,)+];
            const COUNT: usize = [$(stringify!($kind),)+].len();

            /// Every kind, in order.
            pub const ALL: &'static [Self] = &Self::EACH;

            /// How it reads, what may come of it, and what is measured of it.
            pub const fn about(self) -> &'static About {
                match self { $(Self::$kind => const { &<$subject as ActivityKind>::ABOUT },)+ }
            }

            /// How long one attempt may take where nothing else is said.
            pub const fn timeout(self) -> ::std::time::Duration {
                match self { $(Self::$kind => <$subject as ActivityKind>::TIMEOUT,)+ }
            }

            /// How many attempts of one client may be in flight.
            const fn most_in_flight(self) -> usize {
                match self { $(Self::$kind => <$subject as ActivityKind>::MOST_IN_FLIGHT,)+ }
            }

            /// How many files of the tester are open while one attempt is in flight.
            pub const fn files(self) -> u64 {
                match self { $(Self::$kind => <$subject as ActivityKind>::FILES,)+ }
            }

            /// Reads what it is done to, as people write it.
            ///
            /// # Errors
            /// Why the text is none, with the remedy.
            pub fn read(self, text: &str) -> Result<Subject, String> {
                Ok(match self {
                    $(Self::$kind => <$subject as ActivityKind>::read(text)?.into(),)+
                })
            }
        }

        /// What an activity is done to, and so of what kind it is: the key of its figures. In order of kinds.
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
        pub enum Subject { $($(#[$doc])* $kind($subject),)+ }

        impl Subject {
            /// Which kind of activity it is of.
            pub const fn kind(&self) -> Kind {
                match self { $(Self::$kind(_) => Kind::$kind,)+ }
            }

            /// Itself, where it begins a sentence of its own.
            pub fn quoted(&self) -> String {
                match self { $(Self::$kind(subject) => subject.quoted(),)+ }
            }

            /// The client of the herd that it is, where it is one.
            pub fn client(&self) -> Option<$crate::identity::ClientNumber> {
                match self { $(Self::$kind(subject) => subject.client(),)+ }
            }

            /// Whether it is done from the prefix that is delegated to the client.
            pub fn is_from_delegated(&self) -> bool {
                match self { $(Self::$kind(subject) => subject.is_from_delegated(),)+ }
            }

            /// What only its kind knows of it before the first attempt.
            pub fn detail(&self) -> Detail {
                match self { $(Self::$kind(subject) => Detail::$kind(subject.detail()),)+ }
            }

            /// Over which family it is done by a client that is to have these.
            pub fn family_choice(&self, families: $crate::family::Families) -> FamilyChoice {
                match self { $(Self::$kind(subject) => subject.family_choice(families),)+ }
            }

            fn patience(&self, timeout: ::std::time::Duration) -> ::std::time::Duration {
                match self { $(Self::$kind(subject) => subject.patience(timeout),)+ }
            }

            async fn attempt<P: $crate::lan::Port>(
                &self,
                timeout: ::std::time::Duration,
                client: &ClientContext<P>,
            ) -> AttemptOutcome {
                // On the heap: where they stand in one, an attempt of any kind takes as much room as one of the largest, and a whole
                // herd may be at it at once.
                match self { $(Self::$kind(subject) => Box::pin(subject.attempt(timeout, client)).await,)+ }
            }
        }

        impl ::std::fmt::Display for Subject {
            fn fmt(&self, f: &mut ::std::fmt::Formatter<'_>) -> ::std::fmt::Result {
                match self { $(Self::$kind(subject) => subject.fmt(f),)+ }
            }
        }

        $(
            impl From<$subject> for Subject {
                fn from(subject: $subject) -> Self {
                    Self::$kind(subject)
                }
            }

            impl From<Spec<$subject>> for Activity {
                fn from(spec: Spec<$subject>) -> Self {
                    let Spec { subject, count, interval, timeout } = spec;
                    Self { subject: subject.into(), count, interval, timeout }
                }
            }
        )+

        /// What only its kind knows of an attempt, or of many.
        #[derive(Debug, Clone, PartialEq, ::serde::Serialize)]
        #[serde(untagged)]
        pub enum Detail { $($(#[$doc])* $kind(<$subject as ActivityKind>::Detail),)+ }

        impl Detail {
            /// Takes in what is known of a further attempt; of one of another kind nothing.
            pub fn record(&mut self, attempt: &Self) {
                match (self, attempt) {
                    $((Self::$kind(own), Self::$kind(attempt)) => own.record(attempt),)+
                    _ => {}
                }
            }

            /// The family that the attempt went over, where it says so.
            pub fn family(&self) -> Option<$crate::family::Family> {
                match self { $(Self::$kind(detail) => detail.family(),)+ }
            }

            /// Takes in what is known of other attempts, of any client.
            pub fn add(&mut self, others: &Self) {
                match (self, others) {
                    $((Self::$kind(own), Self::$kind(others)) => own.add(others),)+
                    _ => {}
                }
            }
        }
    };
}

pub(super) use kinds;
