use pantau_proto::v1::{EnrolRequest, enrolment_client::EnrolmentClient};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, copy_bidirectional},
    net::TcpListener,
};

use super::*;
use crate::identity::samples::{Ca, Day, HOLDS, OVER, dialer, incoming};

/// Listens and does `with` each connection.
async fn listen<F: Future<Output = ()> + Send>(
    with: impl Fn(TcpStream) -> F + Send + 'static,
) -> std::net::SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            with(stream).await;
        }
    });
    address
}

/// A collector without services: it speaks HTTP/2 to whom it accepts.
async fn collector(ca: &Ca, life: (Day, Day)) -> std::net::SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let routes = tonic::service::Routes::default();
    let server = tonic::transport::Server::builder().add_routes(routes);
    tokio::spawn(server.serve_with_incoming(incoming(listener, ca.server(life))));
    address
}

/// A proxy that passes everything to `target` and answers `head` first.
async fn proxy(target: std::net::SocketAddr, head: &'static str) -> Proxy {
    let address = listen(move |mut stream| async move {
        let mut asked = Vec::new();
        while !asked.ends_with(b"\r\n\r\n") {
            asked.push(stream.read_u8().await.unwrap());
        }
        stream.write_all(head.as_bytes()).await.unwrap();
        if head.contains(" 200 ") {
            let mut onwards = TcpStream::connect(target).await.unwrap();
            let _ = copy_bidirectional(&mut stream, &mut onwards).await;
        }
    })
    .await;
    Proxy { address: address.into(), credentials: None }
}

async fn dialled(dialer: &Dialer, ca: &Ca) -> anyhow::Result<Connection> {
    let enrolled = ca.enrolled(dialer.address().clone(), HOLDS);
    dialer.dial(enrolled.tls(false)?.into(), Arc::default()).await
}

#[tokio::test]
async fn a_connection_goes_to_the_collector_of_the_known_ca_and_is_counted() {
    let ca = Ca::new();
    let dialer = dialer(collector(&ca, HOLDS).await);
    let connection = dialled(&dialer, &ca).await.unwrap();
    let (_, tls) = connection.stream.get_ref();
    assert_eq!(tls.protocol_version(), Some(rustls::ProtocolVersion::TLSv1_3));
    assert_eq!(tls.alpn_protocol(), Some(b"h2".as_slice()));
    let (sent, received) = dialer.meter.today();
    assert!(sent > 500 && received > 500, "{sent} {received}");
}

#[tokio::test]
async fn who_is_not_that_collector_is_told_by_what_it_is() {
    let ca = Ca::new();
    let stranger = dialer(collector(&Ca::new(), HOLDS).await);
    let web = listen(|mut stream| async move {
        let _ = stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").await;
    });
    let web = dialer(web.await);
    let late = dialer(collector(&ca, OVER).await);
    let early = dialer(collector(&ca, ((2100, 1, 1), (2120, 1, 1))).await);
    for (dialer, text) in [
        (stranger, "another CA"),
        (web, "no collector"),
        (late, "certificate ended at 2020-04-01"),
        (early, "begins only at 2100-01-01"),
    ] {
        let told = format!("{:#}", dialled(&dialer, &ca).await.err().unwrap());
        assert!(told.contains(text), "{told}");
    }
}

#[tokio::test]
async fn an_expired_certificate_shows_as_such_although_the_handshake_was_done() {
    let ca = Ca::new();
    let address = collector(&ca, HOLDS).await;
    let expired = ca.enrolled(address.into(), OVER).tls(false).unwrap();
    let alerts = Arc::<Alerts>::default();
    let tls = watch::channel(Arc::new(expired)).1;
    let connector = Connector::new(dialer(address), tls, alerts.clone());
    let ended = async {
        let mut client = EnrolmentClient::new(connector.connect().await?);
        client.enrol(EnrolRequest::default()).await?;
        anyhow::Ok(())
    };
    let error = connector.explain(ended.await.unwrap_err());
    assert!(error.to_string().contains("certificate expired"), "{error}");
    assert_eq!(alerts.last(), Some(Alert::Expired));
    alerts.told().await;
}

#[tokio::test]
async fn a_proxy_that_lets_through_is_gone_through() {
    let ca = Ca::new();
    let target = collector(&ca, HOLDS).await;
    let proxy = proxy(target, "HTTP/1.1 200 Connection established\r\n\r\n").await;
    let dialer = Dialer { proxy: Some(proxy), ..dialer(target) };
    assert!(dialled(&dialer, &ca).await.is_ok());
}

#[tokio::test]
async fn a_proxy_that_does_not_is_named() {
    let ca = Ca::new();
    let target = collector(&ca, HOLDS).await;
    for (head, text) in [
        ("HTTP/1.1 407 Proxy Authentication Required\r\n\r\n", "asks for a user"),
        ("\0\u{1}\u{2}\r\n\r\n", "does not speak HTTP"),
        ("", "closed the connection without an answer"),
    ] {
        let dialer = Dialer { proxy: Some(proxy(target, head).await), ..dialer(target) };
        let told = format!("{:#}", dialled(&dialer, &ca).await.err().unwrap());
        assert!(told.contains(text), "{told}");
    }
}

#[tokio::test]
async fn who_never_answers_is_given_up() {
    let ca = Ca::new();
    let silent = listen(|stream| async move {
        tokio::spawn(async move {
            let _stream = stream;
            std::future::pending::<()>().await;
        });
    });
    let silent = silent.await;
    let patience = Duration::from_millis(50);
    let direct = Dialer { patience, ..dialer(silent) };
    assert!(dialled(&direct, &ca).await.err().unwrap().to_string().contains("no TLS answer"));
    let proxy = Some(Proxy { address: silent.into(), credentials: None });
    let through = Dialer { patience, proxy, ..dialer(silent) };
    let told = dialled(&through, &ca).await.err().unwrap().to_string();
    assert!(told.contains("the proxy") && told.contains("does not answer"), "{told}");
}

#[tokio::test]
async fn the_kernel_watches_the_line() {
    let address = listen(|_| async {}).await;
    let stream = tcp(&address.into(), STEP_TIMEOUT).await.unwrap();
    assert!(stream.nodelay().unwrap());
    assert!(sockopt::socket_keepalive(&stream).unwrap());
    assert_eq!(sockopt::tcp_keepidle(&stream).unwrap(), KEEPALIVE_IDLE);
    assert_eq!(sockopt::tcp_user_timeout(&stream).unwrap(), 75_000);
}
