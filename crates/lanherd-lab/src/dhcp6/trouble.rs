//! What the server does under faults: all else stays right.

use super::exchanges::{asked, named, refused, status};
use super::{Dhcp6Server, IaKey, LinkNumbers};
use lanherd_dhcp6::{Ia, IaAddress, IaKind, Message, MessageType, StatusCode, code};

impl Dhcp6Server {
    /// The answer that refuses all that is asked: of `NoAddrsAvail` the one for prefixes where these are asked for.
    pub(crate) fn refuse(&self, message: &Message, code: StatusCode) -> Message {
        let kind = match message.message_type {
            MessageType::Solicit => MessageType::Advertise,
            _ => MessageType::Reply,
        };
        let mut answer = self.answer(kind, message);
        let words = "refused on purpose";
        if message.message_type == MessageType::Confirm {
            answer.options.push_status(&status(code, words));
            return answer;
        }
        for ia in asked(message) {
            let code = match (code, ia.kind) {
                (StatusCode::NoAddrsAvail, IaKind::Prefixes) => StatusCode::NoPrefixAvail,
                (code, _) => code,
            };
            answer.options.push_ia(&refused(&ia, code, words));
        }
        answer
    }

    /// Whether whoever asks has something leased already.
    pub(crate) fn knows(&self, message: &Message) -> bool {
        let Some(duid) = message.options.duid(code::CLIENT_ID) else {
            return false;
        };
        asked(message).any(|ia| self.leases(ia.kind).is_bound(&IaKey::of(&duid, &ia)))
    }

    /// Puts in the place of each address that is given one that another client holds; returns whether there is any.
    pub(crate) fn double(&self, answer: &mut Message, numbers: &LinkNumbers) -> bool {
        let client = answer.options.duid(code::CLIENT_ID);
        let others = self
            .leased(numbers)
            .filter(|it| it.leased.length() == 128 && Some(&it.duid) != client.as_ref());
        let Some(others) = others.map(|it| it.leased.address()).min() else {
            return false;
        };
        let mut has_doubled = false;
        let ias: Vec<Ia> = answer.options.ias().collect();
        answer.options.remove(code::IA_NA);
        for mut ia in ias.into_iter().filter(|ia| ia.kind == IaKind::Addresses) {
            if named(&ia).next().is_some() {
                let given: Vec<IaAddress> = ia.addresses().collect();
                ia.options.remove(code::IA_ADDRESS);
                for mut address in given {
                    address.address = others;
                    ia.options.push_address(&address);
                    has_doubled = true;
                }
            }
            answer.options.push_ia(&ia);
        }
        has_doubled
    }
}
