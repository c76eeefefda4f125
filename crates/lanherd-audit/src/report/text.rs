//! The report as people read it.

use std::collections::BTreeMap;
use std::fmt;

use super::{Report, RouteFound, RouterFound, ServerFound, ServerFound6, Withheld};
use crate::breach::Breach;
use crate::requirement::Level;

impl fmt::Display for RouteFound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let lasts = seconds(self.seconds);
        write!(f, "{} ({}, {lasts})", self.prefix, self.preference)
    }
}

/// A list, or a dash.
fn list<T: ToString>(items: &[T]) -> String {
    if items.is_empty() {
        "-".to_owned()
    } else {
        let items: Vec<String> = items.iter().map(ToString::to_string).collect();
        items.join(", ")
    }
}

fn seconds(seconds: Option<impl fmt::Display>) -> String {
    seconds.map_or_else(|| "for ever".to_owned(), |seconds| format!("{seconds} s"))
}

fn messages(messages: &BTreeMap<&'static str, u64>) -> String {
    let messages: Vec<String> = messages
        .iter()
        .map(|(word, count)| format!("{count} {}", word.to_uppercase()))
        .collect();
    list(&messages)
}

impl fmt::Display for RouterFound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "router {}", self.name)?;
        write!(
            f,
            "  advertisements   {} to all, {} to one host",
            self.to_all, self.to_one
        )?;
        if let (Some(shortest), Some(longest)) =
            (self.shortest_gap_seconds, self.longest_gap_seconds)
        {
            write!(f, "; to all every {shortest:.1} to {longest:.1} s")?;
        }
        let flags = match (self.managed, self.other) {
            (true, true) => "M and O",
            (true, false) => "M",
            (false, true) => "O",
            (false, false) => "none",
        };
        writeln!(f)?;
        if self.lifetime_seconds == 0 {
            write!(f, "  default router   no (lifetime 0)")?;
        } else {
            let (lifetime, preference) = (self.lifetime_seconds, &self.preference);
            write!(
                f,
                "  default router   for {lifetime} s, preference {preference}"
            )?;
        }
        writeln!(f, "; flags {flags}")?;
        for prefix in &self.prefixes {
            writeln!(
                f,
                "  prefix           {}: preferred {}, valid {}; {}{}",
                prefix.prefix,
                seconds(prefix.preferred_seconds),
                seconds(prefix.valid_seconds),
                if prefix.on_link { "L" } else { "" },
                if prefix.autonomous { "A" } else { "" },
            )?;
        }
        for (name, value) in [
            ("routes", list(&self.route_information)),
            ("resolvers", list(&self.resolvers)),
            ("search list", list(&self.search)),
            ("NAT64 prefix", list(&self.pref64)),
            ("MTU", list(self.mtu.as_slice())),
            ("captive portal", list(self.captive_portal.as_slice())),
            ("unknown options", list(&self.unknown_options)),
        ] {
            if value != "-" {
                writeln!(f, "  {name:<16} {value}")?;
            }
        }
        Ok(())
    }
}

impl fmt::Display for ServerFound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "DHCP server {}", self.name)?;
        writeln!(f, "  messages         {}", messages(&self.messages))?;
        if let Some(network) = &self.network {
            writeln!(
                f,
                "  leases           of {network}, {}",
                seconds(self.lease_seconds)
            )?;
            writeln!(f, "  routers          {}", list(&self.routers))?;
            writeln!(f, "  resolvers        {}", list(&self.resolvers))?;
            writeln!(f, "  domain           {}", list(self.domain.as_slice()))?;
            writeln!(f, "  options          {}", list(&self.options))?;
        }
        Ok(())
    }
}

impl fmt::Display for ServerFound6 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "DHCPv6 server {}", self.name)?;
        writeln!(f, "  DUID             {}", list(self.duid.as_slice()))?;
        writeln!(f, "  messages         {}", messages(&self.messages))?;
        writeln!(f, "  leases           {}", list(&self.leases))?;
        writeln!(f, "  resolvers        {}", list(&self.resolvers))?;
        writeln!(f, "  search list      {}", list(&self.search))?;
        if let Some(status) = &self.status {
            writeln!(f, "  status           {status}")?;
        }
        Ok(())
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let asked = if self.solicited {
            "asked once"
        } else {
            "asked nothing"
        };
        writeln!(
            f,
            "{}: listened for {:.0} s, {asked}, heard {} of routers and servers",
            self.interface,
            self.seconds,
            match self.messages {
                1 => "1 message".to_owned(),
                more => format!("{more} messages"),
            }
        )?;
        for router in &self.routers {
            write!(f, "\n{router}")?;
        }
        for server in &self.dhcp_servers {
            write!(f, "\n{server}")?;
        }
        for server in &self.dhcp6_servers {
            write!(f, "\n{server}")?;
        }
        for (absent, what) in [
            (self.routers.is_empty(), "no router advertised itself"),
            (self.dhcp_servers.is_empty(), "no DHCP server was heard"),
            (self.dhcp6_servers.is_empty(), "no DHCPv6 server was heard"),
        ] {
            if absent {
                write!(f, "\n{what}")?;
            }
        }
        writeln!(f)?;
        for breach in &self.breaches {
            let Breach {
                level,
                source,
                sender,
                what,
                times,
                ..
            } = breach;
            writeln!(f, "{:<7} {source}: {sender}", level.as_str())?;
            let often = if *times == 1 {
                String::new()
            } else {
                format!(" ({times} times)")
            };
            writeln!(f, "        {}: {what}{often}", breach.requirement)?;
        }
        let Withheld {
            frames_lost,
            breaches,
            untold,
            untold_routers,
        } = self.withheld;
        if frames_lost > 0 {
            writeln!(
                f,
                "withheld: {frames_lost} frames were lost on this machine, so nothing is said of what did not come ({breaches} findings)"
            )?;
        }
        if untold > 0 || untold_routers > 0 {
            writeln!(
                f,
                "not told apart: {untold} more messages that break something, {untold_routers} advertisements of more routers"
            )?;
        }
        write!(
            f,
            "broken: {} must, {} should; worth knowing: {}",
            self.count(Level::Must),
            self.count(Level::Should),
            self.count(Level::Remark)
        )
    }
}
