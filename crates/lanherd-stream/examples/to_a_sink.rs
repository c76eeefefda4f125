//! Two streams to a sink over the loopback, of which it serves one at a time: `cargo run -p lanherd-stream --example to_a_sink`.

use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use lanherd_connections::Server;
use lanherd_stream::client::{StreamFailure, stream};
use lanherd_stream::protocol::{Directions, Open};
use lanherd_stream::sink::{Sink, SinkLimits};
use tokio::net::{TcpListener, TcpStream};

/// For so long nothing may arrive.
const PATIENCE: Duration = Duration::from_secs(5);

#[tokio::main(flavor = "current_thread")]
#[allow(clippy::print_stdout, reason = "an example shows its result")]
async fn main() -> Result<(), Box<dyn Error>> {
    let limits = SinkLimits {
        streams: 1,
        ..SinkLimits::default()
    };
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    let server = Server::start(listener, Arc::new(Sink::new(limits)?), limits.connections());

    let open = Open {
        directions: Directions::Both,
        rate: Some(1_000_000),
        lasts: Duration::from_secs(1),
        congestion_control: None,
    };
    let connect = || TcpStream::connect(address);
    let first = stream(connect().await?, &open, PATIENCE, connect);
    let second = async {
        // The first is under way then.
        tokio::time::sleep(Duration::from_millis(300)).await;
        let control = connect().await.map_err(StreamFailure::Connect)?;
        stream(control, &open, PATIENCE, connect).await
    };
    let (first, second) = tokio::join!(first, second);

    let first = first?;
    for (direction, streamed) in [("up", first.up), ("down", first.down)] {
        let streamed = streamed.ok_or("it was to go both ways")?;
        println!(
            "{direction}: {:.2} Mbit/s, {} bytes, with {}",
            streamed.goodput() / 1e6,
            streamed.bytes,
            streamed.congestion_control
        );
    }
    match second {
        Err(StreamFailure::Refused(refused)) => {
            println!("the second is refused: {}", refused.words);
        }
        other => return Err(format!("the second: {other:?}").into()),
    }
    server.shut_down().await;
    Ok(())
}
