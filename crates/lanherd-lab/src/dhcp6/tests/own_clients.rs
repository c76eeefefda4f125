//! Clients of our own against this server, for a day.

use super::*;

/// Runs clients against the server for that long.
fn run(
    clients: &mut [(u8, Client)],
    tried: &mut Tried,
    lasts: Duration,
    mut told: impl FnMut(u8, Event),
) {
    let end = tried.now + lasts;
    loop {
        for (number, client) in clients.iter_mut() {
            client.handle_timeout(tried.now);
            while let Some(output) = client.poll_output() {
                match output {
                    Output::Transmit(message) => {
                        let message =
                            Message::decode(&message.encode().expect("short")).expect("one");
                        if let Some(answer) = tried.hear(&message, *number) {
                            client.handle_message(&answer, arrival(*number), tried.now);
                        }
                    }
                    Output::Event(Event::Probe { addresses, .. }) => {
                        for address in addresses {
                            client.handle_dad(address, DadOutcome::Unique, tried.now);
                        }
                    }
                    Output::Event(event) => told(*number, event),
                }
            }
        }
        let due = clients
            .iter()
            .filter_map(|(_, client)| client.poll_timeout())
            .min();
        match due.filter(|due| *due <= end) {
            Some(due) => tried.now = due.max(tried.now + Duration::from_millis(1)),
            None => break,
        }
    }
    tried.now = end;
}

fn arrival(client: u8) -> Arrival {
    Arrival {
        source: Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 1),
        destination: link_local(client),
    }
}

fn clients(count: u8, change: impl Fn(&mut Config)) -> Vec<(u8, Client)> {
    let client = |number| {
        let mut config = Config::new(mac(number)).with_prefix(mac(number), Some(60));
        change(&mut config);
        (
            number,
            Client::new(config, fastrand::Rng::with_seed(number.into())),
        )
    };
    (1..=count).map(client).collect()
}

#[test]
fn a_hundred_clients_of_ours_keep_their_leases_for_a_day_and_none_has_anothers() {
    let mut tried = Tried::new(|_| {});
    let mut clients = clients(100, |_| {});
    for (_, client) in &mut clients {
        client.start(tried.now);
    }
    let mut bound = 0;
    run(
        &mut clients,
        &mut tried,
        Duration::from_secs(86_400),
        |number, event| match event {
            Event::Bound { .. } => bound += 1,
            Event::Lost(why) => panic!("client {number}: {why}"),
            _ => {}
        },
    );
    assert_eq!(bound, 100);
    let leases = clients.iter().filter_map(|(_, client)| client.lease());
    let addresses: Vec<_> = leases
        .flat_map(|lease| lease.addresses().map(|it| it.address))
        .collect();
    let different: BTreeSet<_> = addresses.iter().collect();
    assert_eq!((addresses.len(), different.len()), (100, 100));
    let prefixes: BTreeSet<_> = tried
        .server
        .delegations(&tried.numbers)
        .into_iter()
        .collect();
    assert_eq!(prefixes.len(), 100);
    assert_eq!(tried.server.counters().ignored, 0);
}

// By RFC 9915 (20.4): who accepts RECONFIGURE has a key, by which it knows the server.
#[test]
fn a_client_that_accepts_it_asks_again_when_it_is_told_to() {
    let mut tried = Tried::new(|_| {});
    let mut clients = clients(1, |config| config.reconfigure = true);
    clients[0].1.start(tried.now);
    run(&mut clients, &mut tried, Duration::from_secs(60), |_, _| {});
    let renews = tried.server.counters().renews;
    tried.numbers.prefixes[0] = prefix("2001:db8:78::/64");
    let [outgoing] = &tried.server.reconfigure(MessageType::Renew)[..] else {
        panic!("one client accepts it");
    };
    assert_eq!((outgoing.mac, outgoing.to), (mac(1), link_local(1)));
    let message = Message::decode(&outgoing.message.encode().expect("short")).expect("one");
    assert!(matches!(
        Authentication::read(&message.options),
        Some(Authentication::Digest { .. })
    ));
    clients[0].1.handle_message(&message, arrival(1), tried.now);
    let mut is_reconfigured = false;
    run(
        &mut clients,
        &mut tried,
        Duration::from_secs(60),
        |_, event| match event {
            Event::Reconfigured { .. } => is_reconfigured = true,
            Event::Lost(LossReason::Expired) => panic!("its lease was extended"),
            _ => {}
        },
    );
    assert!(is_reconfigured);
    assert_eq!(tried.server.counters().renews, renews + 1);
    let lease = clients[0].1.lease().expect("a lease");
    let addresses: Vec<_> = lease
        .addresses()
        .map(|it| it.address.segments()[2])
        .collect();
    assert_eq!(addresses, [0x78], "the old one has gone at once");
}
