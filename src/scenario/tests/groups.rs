//! Groups of a scenario.

use super::*;

#[test]
fn groups_differ_from_the_herd_in_what_they_say_and_in_nothing_else() {
    let scenario = Scenario::from_toml(
        r#"
        lab = true
        clients = 10
        ping = ["router"]
        every = "5s"
        device = "windows"

        [[group]]
        name = "phones"
        clients = 30
        device = "android"
        restart = "permanent"
        persona = { hostname = "phone-{n}" }

        [[group]]
        name = "quiet"
        clients = 2
        families = "ipv6"
        ping = []
        conflict-detection = true
        "#,
    )
    .expect("a scenario");
    assert_eq!((scenario.clients.get(), scenario.ungrouped()), (42, 10));
    let config = scenario.pool_config();
    let [phones, quiet] = &config.groups[..] else {
        panic!("{:?}", config.groups);
    };
    assert_eq!(
        (config.dhcp.personas.len(), phones.dhcp.personas.len()),
        (1, 2)
    );
    assert_eq!(phones.activities, config.activities);
    assert_eq!(phones.restart.restart, Restart::Permanent);
    assert_eq!(
        (quiet.restart.clone(), quiet.activities.len()),
        (config.restart, 0)
    );
    assert!(quiet.dhcp.conflict_detection && !config.dhcp.conflict_detection);
    assert_eq!(quiet.families, Families::Ipv6);
    assert_eq!(
        (phones.families, config.families),
        (Families::Ipv4, Families::Ipv4)
    );
}

#[test]
fn a_herd_of_groups_only_needs_no_clients_of_its_own() {
    let text = "lab = true\n[[group]]\nname = \"tv\"\nclients = 3\n";
    let scenario = Scenario::from_toml(text).expect("a scenario");
    assert_eq!((scenario.clients.get(), scenario.ungrouped()), (3, 0));
    let nobody = Scenario::from_toml("lab = true").expect_err("nobody");
    assert!(nobody.message.contains("no clients"), "{nobody}");
}

#[test]
fn what_is_wrong_with_a_group_a_persona_or_chaos_is_said_with_its_name() {
    for (text, words) in [
        ("[[group]]\nname = \"a b\"\nclients = 1", "group name"),
        (
            "[[group]]\nname = \"tv\"\nclients = 1\n[[group]]\nname = \"tv\"\nclients = 1",
            "two groups",
        ),
        ("[[group]]\nname = \"ns\"\nclients = 1", "two groups"),
        (
            "[[group]]\nname = \"tv\"\nclients = 1\npersona = { client-id = \"x\" }",
            "group tv: persona: client-id",
        ),
        (
            "[[group]]\nname = \"tv\"\nclients = 1\ntimeout = \"1s\"",
            "group tv: timeout",
        ),
        (
            "[persona]\nmax-message-size = 100",
            "persona: max-message-size",
        ),
        ("[persona]\nhostnam = \"x\"", "hostnam"),
        ("[chaos]\nfaults = [\"crash\"]", "chaos: faults"),
        ("[chaos]\nevery = \"1s\"\nfaults = [\"flood\"]", "flood"),
    ] {
        let error =
            Scenario::from_toml(&format!("lab = true\nclients = 2\n{text}")).expect_err(text);
        assert!(error.message.contains(words), "{text}: {error}");
    }
    let text = "parent = \"eth0\"\nclients = 2\n[chaos]\nevery = \"1s\"\nfaults = [\"dhcp-mute\"]";
    let error = Scenario::from_toml(text).expect_err("not the lab");
    assert!(
        error.message.contains("dhcp_mute") && error.line == 3,
        "{error}"
    );
}

#[test]
fn a_mistake_in_a_group_is_told_at_its_own_place() {
    const HEAD: &str =
        "# A herd.\nlab = true\nclients = 1\n[[group]]\nname = \"phones\"\nclients = 1\n";
    // Of the second group, which begins in line 7: what it says, and the line and column to which the mistake is.
    for (said, place) in [
        ("ping = [\"client 99\"]", (10, 1)),
        ("every = \"1ns\"\nping = [\"router\"]", (10, 1)),
        ("ping = [\"router\"]\nrun-command = [\"\"]", (11, 15)),
        ("  timeout = \"5s\"", (10, 3)),
        ("ping = [\"nobody at all\"]", (10, 8)),
        ("restart = \"sometimes\"", (10, 11)),
        ("ping = 7", (10, 8)),
        ("pings = [\"router\"]", (10, 1)),
        ("persona = { client-id = \"x\" }", (10, 1)),
        ("[[group]]\nclients = 1\nname = \"tv\"", (12, 1)),
        ("[soak]\nstorm = 5", (11, 1)),
    ] {
        let text = format!("{HEAD}[[group]]\nname = \"tv\"\nclients = 1\n{said}\n");
        let error = Scenario::from_toml(&text).expect_err(said);
        assert_eq!((error.line, error.column), place, "{text}{error}");
    }
    // What a group does not say itself it has of the whole herd.
    let text = "lab = true\nclients = 1\nevery = \"1ns\"\n[[group]]\nname = \"tv\"\nclients = 1\nping = [\"router\"]\n";
    let error = Scenario::from_toml(text).expect_err("too short");
    assert_eq!((error.line, error.column), (3, 1), "{error}");
}
