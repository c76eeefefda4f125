//! Whatever happens in whatever order: it never spins, never says the same twice, and leaves nothing behind.

use super::*;

const PREFIXES: [&str; 3] = [PREFIX, "2001:db8:88::/64", "fd00:77::/64"];

/// An advertisement of any kind.
fn any(rng: &mut fastrand::Rng) -> Advertised {
    let mut options = Vec::new();
    for text in PREFIXES {
        let lifetimes = [(1800, 3600), (60, 120), (0, 3600), (10, 5), (0, 0)];
        if rng.bool() {
            let (preferred, valid) = *rng.choice(lifetimes).get_or_insert((1, 1));
            options.push(prefix(text, preferred, valid));
        }
    }
    if rng.bool() {
        options.push(NdOption::Mtu(
            *rng.choice([1280, 1480, 9000, 1]).get_or_insert(1),
        ));
    }
    let mut router = advertised(rng.bool(), rng.bool(), &options);
    router.body.lifetime = *rng.choice([0, 5, 1800, 9000]).get_or_insert(0);
    router
}

fn act(timeline: &mut Timeline, rng: &mut fastrand::Rng) {
    match rng.u8(..22) {
        0..=5 => {
            timeline.router = rng.bool().then(|| any(rng));
            timeline.advertise();
        }
        6..=9 => {
            let all = [
                Serves::Nothing,
                Serves::Leases,
                Serves::AdvertisesOnly,
                Serves::Refuses(StatusCode::NoAddrsAvail),
                Serves::Refuses(StatusCode::UnspecFail),
                Serves::ForgetsWith(StatusCode::NoBinding),
                Serves::ForgetsWith(StatusCode::NotOnLink),
            ];
            timeline.server = rng.choice(all).unwrap_or(Serves::Nothing);
        }
        10 => timeline.tell(Stack6::carrier_lost),
        11..=12 => timeline.tell(Stack6::reconnect),
        13 => timeline.tell(Stack6::ask_again),
        14 => timeline.tell(Stack6::unconfigured),
        15 => {
            let orders = [
                Stack6::renew,
                Stack6::rebind,
                Stack6::confirm,
                Stack6::decline,
                Stack6::inform,
                Stack6::solicit,
                Stack6::release as fn(&mut Stack6, Instant),
            ];
            let order = rng.choice(orders).unwrap_or(Stack6::renew);
            timeline.tell(order);
        }
        16 => {
            let squatted = timeline.set.addresses.iter().map(|it| it.address);
            let squatted: Vec<_> = squatted.filter(|_| rng.u8(..4) == 0).collect();
            timeline.squatters = squatted.into_iter().collect();
        }
        17 => {
            let reachability = if rng.bool() {
                Reachability::Reachable
            } else {
                Reachability::Unreachable
            };
            timeline.tell(|stack, now| stack.handle_router(ROUTER, reachability, now));
        }
        18 => {
            let mut frame = advertisement(&any(rng));
            let at = rng.usize(14..frame.len());
            frame[at] = rng.u8(..);
            if Packet6::from_frame(&frame, timeline.now).is_some() {
                let decoded = Packet::from_frame(&frame);
                timeline.tell(|stack, now| stack.handle_discovery(&decoded, now));
            }
        }
        19 => {
            let known = timeline.set.addresses.first().map(|it| it.address);
            let outcome = DadOutcome::Duplicate { holder: None };
            if let Some(address) = known {
                timeline.tell(|stack, now| stack.handle_dad(address, outcome, now));
            }
        }
        _ => {}
    }
}

#[test]
fn whatever_happens_it_never_spins_and_what_it_says_holds() {
    for seed in 0..300 {
        let mut rng = fastrand::Rng::with_seed(seed);
        let mut timeline = Timeline::new(|config| config.set_verifies(seed % 3 > 0));
        timeline.start();
        for _ in 0..60 {
            act(&mut timeline, &mut rng);
            // Bounded: each waking is one of a machine's, and none is for nothing.
            timeline.run(rng.f64() * rng.f64() * 2000.0);
            let due = timeline.stack.poll_timeout();
            assert!(due.is_none_or(|due| due > timeline.now), "seed {seed}");
            assert_eq!(timeline.stack.state().is_usable, timeline.stack.is_usable());
            let mut addresses: Vec<_> =
                timeline.set.addresses.iter().map(|it| it.address).collect();
            addresses.sort();
            let all = addresses.len();
            addresses.dedup();
            assert_eq!(addresses.len(), all, "seed {seed}: {:?}", timeline.set);
        }
        // What is up is lost before it is up again, unless the link was away or it was told to rest.
        let mut is_up = false;
        for (at, said) in &timeline.said {
            match said {
                Output6::Up(_) => is_up = true,
                Output6::Lost(_) => assert!(std::mem::take(&mut is_up), "seed {seed}, {at}"),
                _ => {}
            }
        }
        timeline.tell(Stack6::leave);
        let leased = timeline.global().contains(&LEASED);
        assert!(!leased && timeline.written.is_none(), "seed {seed}");
        let said = timeline.said.len();
        timeline.run(100_000.0);
        let later = timeline.said[said..].iter();
        let spoke = later.filter(|(_, it)| {
            matches!(it, Output6::Up(_) | Output6::Lost(_) | Output6::Overdue(_))
        });
        assert_eq!(spoke.count(), 0, "seed {seed}");
    }
}
