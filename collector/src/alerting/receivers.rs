//! Receivers that tests send to: a mail server and an HTTP server on loopback that keep what they took.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex},
};

use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader},
    net::{TcpListener, TcpStream},
};

/// What a receiver was sent, and how it answers: with the answers given to it in turn, then well.
struct Log<T> {
    taken: Mutex<Vec<T>>,
    answers: Mutex<VecDeque<u16>>,
}

impl<T> Log<T> {
    fn new(answers: &[u16]) -> Arc<Log<T>> {
        let answers = Mutex::new(answers.iter().copied().collect());
        Arc::new(Log { taken: Mutex::new(Vec::new()), answers })
    }

    fn answer(&self, otherwise: u16) -> u16 {
        self.answers.lock().unwrap().pop_front().unwrap_or(otherwise)
    }
}

/// Speaks as much SMTP (RFC 5321) as a mail needs.
pub(super) struct MailServer {
    pub port: u16,
    log: Arc<Log<String>>,
}

impl MailServer {
    /// Answers the first mails with these codes instead of 250.
    pub async fn start(answers: &[u16]) -> MailServer {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let log = Log::new(answers);
        let server = MailServer { port, log: log.clone() };
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(converse(stream, log.clone()));
            }
        });
        server
    }

    /// Mails taken so far, header lines unfolded.
    pub fn mails(&self) -> Vec<String> {
        let mails = self.log.taken.lock().unwrap();
        mails.iter().map(|mail| mail.replace("\r\n ", " ")).collect()
    }
}

async fn converse(mut stream: TcpStream, log: Arc<Log<String>>) -> std::io::Result<()> {
    let (read, mut write) = stream.split();
    let mut lines = BufReader::new(read).lines();
    write.write_all(b"220 test ESMTP\r\n").await?;
    while let Some(line) = lines.next_line().await? {
        let command = line.split([' ', ':']).next().unwrap_or_default().to_ascii_uppercase();
        let answer = match command.as_str() {
            "EHLO" => "250-test\r\n250 8BITMIME".to_owned(),
            "DATA" => {
                write.write_all(b"354 go on\r\n").await?;
                let mut mail = String::new();
                while let Some(line) = lines.next_line().await?.filter(|line| line != ".") {
                    mail.push_str(&line);
                    mail.push_str("\r\n");
                }
                let code = log.answer(250);
                if code == 250 {
                    log.taken.lock().unwrap().push(mail);
                }
                format!("{code} said the test")
            }
            "QUIT" => "221 bye".to_owned(),
            _ => "250 ok".to_owned(),
        };
        write.write_all(format!("{answer}\r\n").as_bytes()).await?;
    }
    Ok(())
}

/// One POST as it arrived.
#[derive(Clone, Debug)]
pub(super) struct Post {
    pub head: String,
    pub body: serde_json::Value,
    /// What it was answered with.
    pub status: u16,
}

impl Post {
    pub fn header(&self, name: &str) -> Option<&str> {
        let wanted = |line: &&str| {
            line.split_once(':').is_some_and(|(found, _)| found.eq_ignore_ascii_case(name))
        };
        self.head.lines().find(wanted)?.split_once(':').map(|(_, value)| value.trim())
    }
}

/// Takes POSTs.
pub(super) struct HttpServer {
    pub port: u16,
    log: Arc<Log<Post>>,
}

impl HttpServer {
    /// Answers the first requests with these codes instead of 200.
    pub async fn start(answers: &[u16]) -> HttpServer {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let log = Log::new(answers);
        let server = HttpServer { port, log: log.clone() };
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(take_post(stream, log.clone()));
            }
        });
        server
    }

    /// Everything posted so far, also what was refused.
    pub fn posts(&self) -> Vec<Post> {
        self.log.taken.lock().unwrap().clone()
    }

    /// The posts that were taken.
    pub fn taken(&self) -> Vec<Post> {
        self.posts().into_iter().filter(|post| post.status == 200).collect()
    }
}

async fn take_post(mut stream: TcpStream, log: Arc<Log<Post>>) -> std::io::Result<()> {
    let (read, mut write) = stream.split();
    let mut read = BufReader::new(read);
    let mut post = Post { head: String::new(), body: serde_json::Value::Null, status: 0 };
    while !post.head.ends_with("\r\n\r\n") {
        if read.read_line(&mut post.head).await? == 0 {
            return Ok(());
        }
    }
    let length = post.header("content-length").and_then(|text| text.parse().ok()).unwrap_or(0);
    let mut body = vec![0; length];
    read.read_exact(&mut body).await?;
    post.body = serde_json::from_slice(&body).unwrap();
    post.status = log.answer(200);
    let answer =
        format!("HTTP/1.1 {} test\r\nContent-Length: 0\r\nConnection: close\r\n\r\n", post.status);
    log.taken.lock().unwrap().push(post);
    write.write_all(answer.as_bytes()).await
}
