use std::sync::mpsc;
use std::thread;

use socket2::SockRef;

use super::*;

/// No interface has this number, so that every request about it is refused, with privilege and without.
const NO_LINK: u32 = 0x7fff_ff00;

/// What `work` returns; the test fails where it takes longer than a minute.
fn in_time<R: Send + 'static>(work: impl FnOnce() -> R + Send + 'static) -> R {
    let (done, result) = mpsc::channel();
    thread::spawn(move || done.send(work()));
    result
        .recv_timeout(Duration::from_secs(60))
        .expect("it ends")
}

#[test]
fn any_number_of_requests_is_answered_each_in_its_place() {
    let answers = in_time(|| {
        let mut netlink = Netlink::open().expect("a socket");
        netlink.send((0..5_000).map(|_| request::up(NO_LINK)))
    });
    let answers = answers.expect("answered");
    assert_eq!(answers.len(), 5_000);
    assert!(answers.iter().all(Result::is_err));
}

#[test]
fn answers_that_the_kernel_had_no_room_for_are_an_error_in_time_and_the_socket_goes_on() {
    let (lost, later) = in_time(|| {
        let mut netlink = Netlink::open().expect("a socket");
        // The kernel takes its smallest, which has room for a few.
        SockRef::from(&netlink.socket)
            .set_recv_buffer_size(1)
            .expect("set");
        let lost = netlink.send((0..BATCH).map(|_| request::up(NO_LINK)));
        (lost, netlink.send([request::up(NO_LINK)]))
    });
    let error = lost.expect_err("some were dropped");
    assert!(error.to_string().contains("ENOBUFS"), "{error}");
    assert_eq!(later.expect("answered").len(), 1);
}
