//! Sockets that activities open: in the client's namespace, from its address, with errors that say what was seen.

use std::io::{ErrorKind, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, UdpSocket};
use std::thread;
use std::time::{Duration, Instant};

use lanherd_net::lan::{Datagrams, Lan, Port};
use lanherd_net::linux::LinuxPort;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use lanherd_testkit::world::*;

const PATIENCE: Duration = Duration::from_secs(5);

async fn refusal(port: &LinuxPort, to: SocketAddr, timeout: Duration) -> ErrorKind {
    match port.connect(to, timeout).await {
        Ok(_) => panic!("{to} took the connection"),
        Err(error) => error.kind(),
    }
}

#[test]
fn a_connection_and_a_datagram_come_from_the_clients_address() {
    behind_a_router(async |lan, router| {
        let listener = router.run(|| TcpListener::bind("0.0.0.0:80").expect("port 80"));
        let echo = router.run(|| UdpSocket::bind("0.0.0.0:53").expect("port 53"));
        let port = attach(lan, 1).await;
        port.configure(&lease(7)).await.expect("configured");

        let server = thread::spawn(move || {
            let (mut stream, from) = listener.accept().expect("a connection");
            let mut word = [0; 4];
            stream.read_exact(&mut word).expect("a word");
            stream.write_all(&word).expect("sent");
            let mut datagram = [0; 64];
            let (length, asked_by) = echo.recv_from(&mut datagram).expect("a datagram");
            echo.send_to(&datagram[..length], asked_by).expect("sent");
            (from.ip(), asked_by.ip())
        });
        let mut connected = port
            .connect(SocketAddr::from((ROUTER, 80)), PATIENCE)
            .await
            .expect("connected");
        assert!(!connected.took.is_zero() && connected.took < PATIENCE);
        connected.stream.write_all(b"word").await.expect("sent");
        let mut word = [0; 4];
        connected.stream.read_exact(&mut word).await.expect("read");
        assert_eq!(&word, b"word");

        let udp = port
            .udp(SocketAddr::from((ROUTER, 53)))
            .await
            .expect("open");
        udp.send(b"ask").await.expect("sent");
        let mut answer = [0; 64];
        let came = udp.recv(&mut answer).await.expect("an answer");
        assert_eq!(&answer[..came.length], b"ask");
        assert_eq!(came.from, SocketAddr::from((ROUTER, 53)));
        assert!(!came.took.is_zero() && came.took < PATIENCE);
        let own = Ipv4Addr::new(10, 9, 0, 7);
        assert_eq!(server.join().expect("served"), (own.into(), own.into()));
    });
}

#[test]
fn what_stands_in_the_way_of_a_connection_is_told_apart() {
    behind_a_router(async |lan, router| {
        router.ip("route add unreachable 192.0.2.1");
        router.ip("route add blackhole 192.0.2.2");
        router.forward();
        let port = attach(lan, 1).await;
        let at = |address: [u8; 4]| SocketAddr::new(address.into(), 81);
        let brief = Duration::from_millis(300);
        assert_eq!(
            refusal(&port, at([8, 8, 8, 8]), PATIENCE).await,
            ErrorKind::NetworkUnreachable
        );
        port.configure(&lease(7)).await.expect("configured");
        assert_eq!(
            refusal(&port, at([10, 9, 0, 1]), PATIENCE).await,
            ErrorKind::ConnectionRefused
        );
        assert_eq!(
            refusal(&port, at([192, 0, 2, 1]), PATIENCE).await,
            ErrorKind::HostUnreachable
        );
        let began = Instant::now();
        assert_eq!(
            refusal(&port, at([192, 0, 2, 2]), brief).await,
            ErrorKind::TimedOut
        );
        assert!(began.elapsed() < Duration::from_secs(2));

        let udp = port.udp(at([10, 9, 0, 1])).await.expect("open");
        udp.send(b"anybody?").await.expect("sent");
        let heard = udp.recv(&mut [0; 64]).await.map_err(|error| error.kind());
        assert_eq!(heard, Err(ErrorKind::ConnectionRefused));
        drop(udp);
        let udp = port.udp(at([192, 0, 2, 1])).await.expect("open");
        udp.send(b"anybody?").await.expect("sent");
        let heard = udp.recv(&mut [0; 64]).await.map_err(|error| error.kind());
        assert_eq!(heard, Err(ErrorKind::HostUnreachable));
        drop(udp);

        // What is wrong in the client's own namespace is not told as if it were the network.
        ip("-n ns1 route add prohibit 192.0.2.9");
        assert_eq!(
            refusal(&port, at([192, 0, 2, 9]), PATIENCE).await,
            ErrorKind::PermissionDenied
        );
        let udp = port.udp(at([192, 0, 2, 9])).await.expect("open");
        let sent = udp.send(b"anybody?").await.map_err(|error| error.kind());
        assert_eq!(sent, Err(ErrorKind::PermissionDenied));
    });
}

#[test]
fn nothing_is_opened_in_a_namespace_that_has_taken_the_place_of_the_clients() {
    in_a_world(|| async {
        let _router = Router::start();
        let lan = open().await;
        let port = attach(&lan, 1).await;
        port.configure(&lease(7)).await.expect("configured");
        ip("netns delete ns1");
        ip("netns add ns1");
        let to = SocketAddr::from((ROUTER, 53));
        let error = port.udp(to).await.map(drop).expect_err("not ours");
        assert!(error.to_string().contains("somebody else"), "{error}");
        drop(port);
        lan.detach(&client(1)).await;
        ip("netns delete ns1");
        lan.close().await;
    });
}
