//! What a server's messages are made of.

use std::time::Duration;

use super::{Dhcp6Server, LinkNumbers};
use lanherd_dhcp6::{Ia, IaAddress, IaKind, IaPrefix, Message, MessageType, Prefix, code};
use lanherd_types::domain_name::write_uncompressed;

impl Dhcp6Server {
    /// An answer with both identifiers.
    pub(super) fn answer(&self, kind: MessageType, question: &Message) -> Message {
        let mut answer = Message::answer_to(question, kind);
        answer.options.push(code::SERVER_ID, self.duid.as_bytes());
        answer
    }

    /// The identity association with what it is given, and its times.
    pub(super) fn granted(&self, ia: &Ia, leased: Prefix) -> Ia {
        let (preferred, valid) = self.lifetimes;
        let (t1, t2) = self.times();
        let mut granted = Ia {
            t1: seconds(t1),
            t2: seconds(t2),
            ..Ia::new(ia.kind, ia.iaid)
        };
        let (preferred, valid) = (seconds(preferred), seconds(valid));
        match ia.kind {
            IaKind::Addresses | IaKind::TemporaryAddresses => {
                let address = IaAddress::new(leased.address(), preferred, valid);
                granted.options.push_address(&address);
            }
            IaKind::Prefixes => {
                granted
                    .options
                    .push_prefix(&IaPrefix::new(leased, preferred, valid));
            }
        }
        granted
    }

    // By RFC 9915 (21.4): T1 and T2 are 0.5 and 0.8 of the preferred lifetime where nothing else is said.
    fn times(&self) -> (Duration, Duration) {
        let (preferred, _) = self.lifetimes;
        let t1 = self.config.t1.unwrap_or(preferred / 2);
        let t2 = self.config.t2.unwrap_or(preferred * 4 / 5);
        (t1, t2.max(t1))
    }

    /// What the client asks for beside addresses and prefixes (option 6).
    pub(super) fn add_parameters(
        &self,
        answer: &mut Message,
        question: &Message,
        numbers: &LinkNumbers,
    ) {
        let mut wanted = question.options.requests();
        wanted.dedup();
        for code in wanted {
            if answer.options.contains(code) {
                continue;
            }
            let time = |answer: &mut Message, time: Option<Duration>| {
                if let Some(time) = time {
                    answer.options.push(code, seconds(time).to_be_bytes());
                }
            };
            match code {
                code::DNS_SERVERS if !numbers.resolvers.is_empty() => {
                    answer.options.push_addresses(code, &numbers.resolvers);
                }
                code::DOMAIN_SEARCH => {
                    let mut name = Vec::new();
                    let domain = self.search.as_deref();
                    if domain.is_some_and(|domain| write_uncompressed(&mut name, domain)) {
                        answer.options.push(code, name);
                    }
                }
                code::SOL_MAX_RT => time(answer, self.config.sol_max_rt),
                code::INF_MAX_RT => time(answer, self.config.inf_max_rt),
                code::INFORMATION_REFRESH_TIME
                    if question.message_type == MessageType::InformationRequest =>
                {
                    time(answer, self.config.refresh);
                }
                _ => {}
            }
        }
    }
}

fn seconds(time: Duration) -> u32 {
    u32::try_from(time.as_secs()).unwrap_or(u32::MAX)
}
