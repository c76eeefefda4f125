//! The page and its panels.

use super::*;

#[tokio::test(flavor = "multi_thread")]
async fn answers_may_load_nothing_and_the_page_runs_only_its_own_script() {
    let served = ServedRun::with(1).await;
    for path in ["/metrics", "/api/v1/herd", "/nowhere"] {
        let (head, _) = served.ask("GET", path).await;
        assert!(
            head.contains("content-security-policy: default-src 'none'"),
            "{head}"
        );
        assert!(head.contains("x-content-type-options: nosniff"), "{head}");
    }
    let (head, page) = served.ask("GET", "/").await;
    let nonce = head.split("script-src 'nonce-").nth(1).expect("a policy");
    let nonce = nonce.split('\'').next().expect("a nonce");
    assert!(
        page.contains(&format!("<script nonce=\"{nonce}\">")),
        "{head}"
    );
    assert!(!head.contains("unsafe-inline"), "{head}");
    let (again, _) = served.ask("GET", "/").await;
    assert!(!again.contains(nonce), "the same number twice");
    served.end().await;
}

#[test]
fn the_page_makes_no_markup_of_what_it_is_told_and_loads_nothing_from_elsewhere() {
    let page = panels::shell("0");
    for word in [
        "innerHTML",
        "outerHTML",
        "insertAdjacentHTML",
        "document.write",
        "eval(",
        "http:",
        "https:",
        "//cdn",
    ] {
        assert!(!page.contains(word), "{word}");
    }
}

#[test]
fn the_page_shows_phases_in_the_colours_that_all_others_do() {
    let page = panels::shell("0");
    for phase in Phase::ALL {
        let entry = format!("\"{phase}\":\"{}\"", phase.condition());
        assert!(page.contains(&entry), "{entry}");
        let colour = format!("--{}: ", phase.condition());
        assert_eq!(
            page.matches(&colour).count(),
            2,
            "{colour} by day and by night"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_panels_show_the_herd_whatever_it_does_and_escape_what_was_told() {
    let served = ServedRun::with(12).await;
    served.crash(7).await;
    served.pool.settled(PATIENCE).await.expect("settled");
    for path in ["/panels", "/panels?whole"] {
        let missing = |panels: &str| {
            [
                "id=\"summary\"",
                "of 12 clients online",
                "<span class=\"swatch online\"></span>online",
                "<td>failure</td><td>crashed</td><td class=\"number\">1</td>",
                "aria-label=\"Clients online and joins\"",
                "aria-label=\"Round trips\"",
                "aria-label=\"Lost and failed\"",
                "fault made on purpose",
            ]
            .into_iter()
            .find(|told| !panels.contains(told))
        };
        // From one look at the herd to the next there are pings.
        let begun = Instant::now();
        let (mut head, mut panels) = served.ask("GET", path).await;
        while missing(&panels).is_some() && begun.elapsed() < PATIENCE {
            tokio::time::sleep(Duration::from_millis(100)).await;
            (head, panels) = served.ask("GET", path).await;
        }
        assert!(head.contains("content-type: text/html"), "{head}");
        assert_eq!(missing(&panels), None, "{panels}");
        // Of what was never done nothing is said.
        assert!(!panels.contains("Lookups"), "{panels}");
    }
    let (_, client) = served.ask("GET", "/panels/clients/7").await;
    for told in ["<dt>restarts</dt><dd>1</dd>", "ping the router", "crashed"] {
        assert!(client.contains(told), "{told} in {client}");
    }
    let (status, _) = served.ask("GET", "/panels/clients/99").await;
    assert!(status.starts_with("http/1.1 404"), "{status}");

    let herd = served.document("/api/v1/herd").await;
    let mut herd: api::Herd = serde_json::from_value(herd).expect("a herd");
    herd.sums.activities[0].subject = "<b>subject".to_owned();
    let panels = String::from(panels::panels(&herd, &[], &[]));
    let one = served.document("/api/v1/clients/7").await;
    let mut one: api::One = serde_json::from_value(one).expect("a client");
    one.client.namespace = "<b>namespace".to_owned();
    one.client.activities[0].subject = "<b>subject".to_owned();
    one.events[0].what = EventKind::Failed {
        stage: Stage::Dhcp,
        cause: Cause::NoOffer,
        family: None,
        detail: "<b>detail".to_owned(),
    };
    let client = panels::client(&one, None);
    let raw = ["<b>subject", "<b>namespace", "<b>detail"];
    assert!(
        !raw.iter()
            .any(|raw| panels.contains(raw) || client.contains(raw))
    );
    for (text, told) in [
        (&panels, "&lt;b&gt;subject"),
        (&client, "&lt;b&gt;namespace"),
        (&client, "&lt;b&gt;subject"),
        (&client, "&lt;b&gt;detail"),
    ] {
        assert!(text.contains(told), "{told} in {text}");
    }
    served.end().await;
}
