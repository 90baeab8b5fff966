//! A mail server that takes every message and keeps it. One with a known Message-ID is dropped, as
//! mailboxes do.

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex},
};

use anyhow::Result;
use tokio::{
    io::{AsyncBufReadExt, AsyncWriteExt, BufReader},
    net::{TcpListener, TcpStream},
};

/// A running sink; gone when dropped.
pub struct MailSink {
    /// Where it listens.
    pub address: SocketAddr,
    messages: Arc<Mutex<Vec<String>>>,
    task: tokio::task::JoinHandle<()>,
}

impl MailSink {
    /// Starts on a free loopback port.
    pub async fn start() -> Result<MailSink> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let messages = Arc::new(Mutex::new(Vec::new()));
        let kept = messages.clone();
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(converse(stream, kept.clone()));
            }
        });
        Ok(MailSink { address, messages, task })
    }

    /// Messages taken so far, headers included.
    pub fn messages(&self) -> Vec<String> {
        self.messages.lock().map(|messages| messages.clone()).unwrap_or_default()
    }

    /// Settings of a collector that mails here.
    pub fn settings(&self) -> String {
        format!(
            "[mail]\nhost = \"127.0.0.1\"\nport = {}\nencryption = \"none\"\n\
             from = \"pantau@contoh.go.id\"\nto = [\"ito@contoh.go.id\"]\n",
            self.address.port()
        )
    }
}

impl Drop for MailSink {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// As much of RFC 5321 as a client needs to hand over mail.
async fn converse(stream: TcpStream, kept: Arc<Mutex<Vec<String>>>) -> Result<()> {
    let (read, mut write) = stream.into_split();
    let mut lines = BufReader::new(read).lines();
    write.write_all(b"220 sink ESMTP\r\n").await?;
    while let Some(line) = lines.next_line().await? {
        let verb = line.get(..4).unwrap_or("").to_ascii_uppercase();
        let answer: &[u8] = match verb.as_str() {
            "DATA" => {
                write.write_all(b"354 go on\r\n").await?;
                let mut message = String::new();
                while let Some(line) = lines.next_line().await?.filter(|line| line != ".") {
                    message.push_str(&line);
                    message.push('\n');
                }
                if let Ok(mut kept) = kept.lock()
                    && kept.iter().all(|known| message_id(known) != message_id(&message))
                {
                    kept.push(message);
                }
                b"250 taken\r\n"
            }
            "QUIT" => {
                write.write_all(b"221 bye\r\n").await?;
                return Ok(());
            }
            _ => b"250 ok\r\n",
        };
        write.write_all(answer).await?;
    }
    Ok(())
}

fn message_id(message: &str) -> Option<&str> {
    message.lines().find(|line| line.starts_with("Message-ID:"))
}
