//! An SMTP server on loopback: what clients say is kept, and it can misbehave at each command.

use std::{
    convert::Infallible,
    sync::{Arc, Mutex},
};

use tokio::{
    io::{AsyncBufReadExt, AsyncRead, AsyncWrite, AsyncWriteExt, BufReader},
    net::TcpListener,
};
use tokio_rustls::{TlsAcceptor, rustls::ServerConfig};

use crate::support::background::Background;

/// What it does instead of its usual answer to a command.
#[derive(Clone, Copy, Debug)]
pub enum Answer {
    /// Says this.
    Says(&'static str),
    /// Says nothing more.
    Hangs,
    /// Ends the connection.
    Cuts,
    /// Says one line that never ends.
    Floods,
}

/// How it is encrypted.
pub enum Encryption {
    None,
    StartTls(ServerConfig),
    FromStart(ServerConfig),
}

#[derive(Default)]
struct State {
    /// By how a command begins; `""` is the greeting, `"."` the end of a message.
    answers: Vec<(&'static str, Answer)>,
    /// The same, for the next so many.
    first_answers: Vec<(&'static str, Answer, usize)>,
    commands: Vec<String>,
    messages: Vec<String>,
}

/// `Smtp::start(Encryption::None)`
pub struct Smtp {
    state: Arc<Mutex<State>>,
    background: Background,
}

impl Smtp {
    pub fn start(encryption: Encryption) -> Self {
        let state = Arc::<Mutex<State>>::default();
        let serving = state.clone();
        let (tls, from_start) = match encryption {
            Encryption::None => (None, false),
            Encryption::StartTls(config) => (Some(TlsAcceptor::from(Arc::new(config))), false),
            Encryption::FromStart(config) => (Some(TlsAcceptor::from(Arc::new(config))), true),
        };
        let background = Background::serve(move |listener| accept(listener, tls, from_start, serving));
        Self { state, background }
    }

    pub fn port(&self) -> u16 {
        self.background.address.port()
    }

    /// From now on answers commands that begin so like this.
    pub fn answer(&self, command: &'static str, answer: Answer) {
        self.state.lock().unwrap().answers.insert(0, (command, answer));
    }

    /// Answers the next so many commands that begin so like this.
    pub fn answer_first(&self, command: &'static str, answer: Answer, times: usize) {
        self.state.lock().unwrap().first_answers.push((command, answer, times));
    }

    /// Every command, and a line for the encryption: `--encrypted--`.
    pub fn commands(&self) -> Vec<String> {
        self.state.lock().unwrap().commands.clone()
    }

    pub fn messages(&self) -> Vec<String> {
        self.state.lock().unwrap().messages.clone()
    }
}

async fn accept(
    listener: TcpListener,
    tls: Option<TlsAcceptor>,
    from_start: bool,
    state: Arc<Mutex<State>>,
) -> Infallible {
    loop {
        let (stream, _) = listener.accept().await.unwrap();
        let (tls, state) = (tls.clone(), state.clone());
        tokio::spawn(async move {
            let offers = tls.is_some() && !from_start;
            if !from_start {
                let Some(plain) = session(stream, &state, true, offers).await else { return };
                encrypted(tls.unwrap(), plain, &state, false).await;
            } else {
                encrypted(tls.unwrap(), stream, &state, true).await;
            }
        });
    }
}

async fn encrypted<S>(tls: TlsAcceptor, stream: S, state: &Mutex<State>, greets: bool)
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    // A client that refuses the certificate is what some tests are about.
    let Ok(stream) = tls.accept(stream).await else { return };
    state.lock().unwrap().commands.push("--encrypted--".to_owned());
    session(stream, state, greets, false).await;
}

/// Returns the stream on which the encryption begins.
async fn session<S>(stream: S, state: &Mutex<State>, greets: bool, offers: bool) -> Option<S>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let mut stream = BufReader::new(stream);
    if greets {
        say(&mut stream, state, "", "220 fake ESMTP\r\n").await?;
    }
    let mut line = String::new();
    loop {
        line.clear();
        stream.read_line(&mut line).await.ok().filter(|read| *read > 0)?;
        let command = line.trim_end().to_owned();
        state.lock().unwrap().commands.push(command.clone());
        let extensions = if offers {
            "250-fake\r\n250-STARTTLS\r\n250 8BITMIME\r\n"
        } else {
            "250-fake\r\n250-AUTH PLAIN LOGIN\r\n250 8BITMIME\r\n"
        };
        let usual = match command.split([' ', ':']).next().unwrap_or_default() {
            "EHLO" => extensions,
            "STARTTLS" => "220 go ahead\r\n",
            "AUTH" => "235 2.7.0 welcome\r\n",
            "MAIL" | "RCPT" => "250 2.1.0 fine\r\n",
            "DATA" => "354 end with a dot\r\n",
            "QUIT" => "221 bye\r\n",
            _ => "500 unknown command\r\n",
        };
        say(&mut stream, state, &command, usual).await?;
        match command.as_str() {
            "STARTTLS" => return Some(stream.into_inner()),
            "DATA" => {
                let message = message(&mut stream).await?;
                state.lock().unwrap().messages.push(message);
                say(&mut stream, state, ".", "250 2.0.0 queued as 1\r\n").await?;
            }
            "QUIT" => return None,
            _ => {}
        }
    }
}

/// Says the usual answer, or does what was asked for. `None` if the connection ends.
async fn say<S>(stream: &mut BufReader<S>, state: &Mutex<State>, command: &str, usual: &str) -> Option<()>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let is_asked = |begin: &str| match begin {
        "" | "." => begin == command,
        begin => command.starts_with(begin),
    };
    let answer = {
        let mut state = state.lock().unwrap();
        let first = state.first_answers.iter_mut().find(|(begin, _, left)| *left > 0 && is_asked(begin));
        let first = first.map(|(_, answer, left)| {
            *left -= 1;
            *answer
        });
        first.or_else(|| state.answers.iter().find(|(begin, _)| is_asked(begin)).map(|(_, answer)| *answer))
    };
    let text = match answer {
        None => usual,
        Some(Answer::Says(text)) => text,
        Some(Answer::Cuts) => return None,
        Some(Answer::Hangs) => return std::future::pending().await,
        Some(Answer::Floods) => {
            stream.write_all(b"250-").await.ok()?;
            loop {
                stream.write_all(&[b'x'; 4096]).await.ok()?;
            }
        }
    };
    stream.write_all(text.as_bytes()).await.ok()?;
    stream.flush().await.ok()
}

/// A message, until the dot, whose doubled dots are single again.
async fn message<S: AsyncRead + Unpin>(stream: &mut BufReader<S>) -> Option<String> {
    let (mut message, mut line) = (String::new(), String::new());
    loop {
        line.clear();
        stream.read_line(&mut line).await.ok().filter(|read| *read > 0)?;
        match line.strip_prefix('.') {
            Some("\r\n") => return Some(message),
            Some(rest) => message.push_str(rest),
            None => message.push_str(&line),
        }
    }
}
