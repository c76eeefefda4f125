//! HTTP/1.1: whoever is slow is waited for so long, and no longer.

use http_body_util::Full;
use hyper::body::{Bytes, Incoming as Body};
use hyper::{Request, Response};

use super::*;

const LIFETIME: Duration = Duration::from_secs(60);
/// How long the first request may take to arrive, and the next one.
const HEAD: Duration = Duration::from_secs(5);
const REQUEST: &str = "GET /here HTTP/1.1\r\nHost: x\r\n\r\n";

/// Says where it was asked, after a while, and as much more as it is made to.
#[derive(Default)]
struct Page {
    takes: Duration,
    more: usize,
}

impl Site for Page {
    type Content = Full<Bytes>;

    async fn answer(&self, request: &Request<Body>) -> Response<Full<Bytes>> {
        sleep(self.takes).await;
        let text = format!("{} {}\n", request.uri(), "x".repeat(self.more));
        Response::new(Full::from(text))
    }
}

fn serve(site: Page) -> (Callers, Server) {
    with(Plain, site)
}

fn with(handshake: impl Handshake<DuplexStream>, site: Page) -> (Callers, Server) {
    let (callers, listener) = Callers::listener();
    let http = Http {
        handshake,
        site,
        lifetime: LIFETIME,
    };
    (callers, Server::start(listener, Arc::new(http), 4))
}

/// The status of the next answer, and its body of one line.
async fn answer(caller: &mut Caller) -> (String, String) {
    let status = caller.line().await;
    while caller.line().await != "\r\n" {}
    (status, caller.line().await)
}

fn assert_about(took: Duration, expected: Duration) {
    let about = expected..=expected + Duration::from_millis(50);
    assert!(about.contains(&took), "{took:?}, not {expected:?}");
}

#[tokio::test(start_paused = true)]
async fn a_connection_is_good_for_several_requests_and_closed_when_it_is_idle() {
    let (callers, server) = serve(Page::default());
    let mut caller = callers.connect();
    for _ in 0..3 {
        caller.say(REQUEST).await;
        let (status, body) = answer(&mut caller).await;
        assert_eq!((&*status, &*body), ("HTTP/1.1 200 OK\r\n", "/here \n"));
    }
    let began = Instant::now();
    assert_eq!(caller.rest().await, "");
    assert_about(began.elapsed(), HEAD);
    server.shut_down().await;
}

#[tokio::test(start_paused = true)]
async fn who_asks_a_byte_a_second_is_not_waited_for() {
    let (callers, server) = serve(Page::default());
    let mut slow = callers.connect();
    let began = Instant::now();
    let mut said = 0;
    for byte in REQUEST.bytes() {
        if slow.0.write_all(&[byte]).await.is_err() {
            break;
        }
        said += 1;
        sleep(Duration::from_secs(1)).await;
    }
    assert!(said < 8, "{said} bytes in {:?}", began.elapsed());
    assert!(!slow.rest().await.contains("200 OK"));
    server.shut_down().await;
}

#[tokio::test(start_paused = true)]
async fn a_head_has_a_limit_of_size() {
    let (callers, server) = serve(Page::default());
    let mut caller = callers.connect();
    let header = format!("X-Long: {}\r\n", "x".repeat(1000));
    let mut heads = std::iter::once("GET / HTTP/1.1\r\n").chain(std::iter::repeat(&*header));
    let mut said = 0;
    while let Some(text) = heads.next()
        && caller.0.write_all(text.as_bytes()).await.is_ok()
    {
        said += text.len();
        assert!(said < 32 * 1024, "a head without an end is read");
    }
    let told = caller.rest().await;
    assert!(told.starts_with("HTTP/1.1 431 "), "{told:?}");
    server.shut_down().await;
}

#[tokio::test(start_paused = true)]
async fn who_does_not_read_the_answer_is_closed_when_the_connection_has_lasted_long_enough() {
    let page = Page {
        more: 1 << 20,
        ..Page::default()
    };
    let (callers, server) = serve(page);
    let mut deaf = callers.connect();
    let began = Instant::now();
    deaf.say(REQUEST).await;
    // As nothing is read, it is seen by what cannot be said any more.
    while deaf.0.write_all(b"\r\n").await.is_ok() {
        sleep(Duration::from_millis(10)).await;
    }
    assert_about(began.elapsed(), LIFETIME + GRACE);
    server.shut_down().await;
}

#[tokio::test(start_paused = true)]
async fn a_request_in_progress_is_answered_while_the_server_shuts_down() {
    let page = Page {
        takes: GRACE / 2,
        ..Page::default()
    };
    let (callers, server) = serve(page);
    let (mut asking, mut idle) = (callers.connect(), callers.connect());
    asking.say(REQUEST).await;
    sleep(Duration::from_millis(1)).await;
    let (told, ()) = tokio::join!(asking.rest(), server.shut_down());
    assert!(
        told.starts_with("HTTP/1.1 200 OK") && told.ends_with("/here \n"),
        "{told}"
    );
    assert_eq!(idle.rest().await, "");
}

/// One that does not end, or finds that there is none.
struct Strange {
    is_plain: bool,
}

impl Handshake<DuplexStream> for Strange {
    type Stream = DuplexStream;

    async fn open(&self, stream: DuplexStream) -> io::Result<Opened<DuplexStream, DuplexStream>> {
        if self.is_plain {
            return Ok(Opened::Plain(stream));
        }
        let _kept = stream;
        std::future::pending().await
    }
}

#[tokio::test(start_paused = true)]
async fn a_handshake_that_does_not_end_is_given_up() {
    let (callers, server) = with(Strange { is_plain: false }, Page::default());
    let mut caller = callers.connect();
    let began = Instant::now();
    assert_eq!(caller.rest().await, "");
    assert_about(began.elapsed(), HEAD);
    server.shut_down().await;
}

#[tokio::test(start_paused = true)]
async fn who_speaks_http_where_https_is_spoken_is_told_so_and_nothing_else() {
    let (callers, server) = with(Strange { is_plain: true }, Page::default());
    let mut caller = callers.connect();
    caller.say(REQUEST).await;
    let told = caller.rest().await;
    assert!(told.starts_with("HTTP/1.1 400 Bad Request"), "{told}");
    assert!(
        told.ends_with("this is HTTPS: begin the address with https://\n"),
        "{told}"
    );
    server.shut_down().await;
}
