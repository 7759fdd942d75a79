//! What is said before a connection is encrypted. Nothing that a server says here is used afterwards: anyone on the way could
//! have said it.

use lettre::transport::smtp::extension::ClientId;
use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader},
    net::TcpStream,
};

use super::{super::outgoing::OutgoingError, undelivered::Undelivered};

/// The longest line of a reply: twice what RFC 5321 allows.
const LINE_BYTES_MAX: u64 = 1024;

/// The most lines of a reply: an extension a line.
const LINES_MAX: usize = 100;

/// A connection that is not encrypted.
pub struct SmtpGreeting<'h> {
    stream: BufReader<TcpStream>,
    host: &'h str,
}

/// A reply.
struct SmtpReply {
    code: u16,
    lines: Vec<String>,
}

impl<'h> SmtpGreeting<'h> {
    /// A new connection.
    pub fn new(stream: TcpStream, host: &'h str) -> Self {
        Self { stream: BufReader::new(stream), host }
    }

    /// Greets the server, and returns whether it offers encryption.
    pub async fn offers_encryption(&mut self, hello: &ClientId) -> Result<bool, Undelivered> {
        self.reply().await?.or_refused("Invalid greeting")?;
        self.say(&format!("EHLO {hello}\r\n")).await?;
        let reply = self.reply().await?.or_refused("Invalid response to EHLO")?;
        Ok(reply.lines.iter().skip(1).any(|line| line.trim().eq_ignore_ascii_case("STARTTLS")))
    }

    /// Asks for encryption, and returns the connection on which it begins.
    pub async fn start_tls(mut self) -> Result<TcpStream, Undelivered> {
        self.say("STARTTLS\r\n").await?;
        self.reply().await?.or_refused("Error upgrading connection with STARTTLS")?;
        if self.stream.buffer().is_empty() {
            return Ok(self.stream.into_inner());
        }
        Err(self.cut("it says something between STARTTLS and the encryption"))
    }

    /// The connection as it is.
    pub fn unencrypted(self) -> BufReader<TcpStream> {
        self.stream
    }

    async fn say(&mut self, line: &str) -> Result<(), Undelivered> {
        let said = self.stream.write_all(line.as_bytes()).await;
        said.map_err(|error| self.cut(&error.to_string()))
    }

    async fn reply(&mut self) -> Result<SmtpReply, Undelivered> {
        let (mut lines, mut line) = (Vec::new(), Vec::new());
        while lines.len() < LINES_MAX {
            line.clear();
            let read = (&mut self.stream).take(LINE_BYTES_MAX).read_until(b'\n', &mut line).await;
            read.map_err(|error| self.cut(&error.to_string()))?;
            let text = String::from_utf8_lossy(&line);
            let Some(text) = text.strip_suffix('\n') else {
                return Err(self.cut("it ended in the middle of a reply"));
            };
            let code = text.get(..3).and_then(|code| code.parse().ok());
            let Some(code) = code.filter(|code| (200..600).contains(code)) else {
                return Err(self.cut("its reply is not one of SMTP"));
            };
            lines.push(text.get(4..).unwrap_or_default().trim_end().to_owned());
            if text.as_bytes().get(3) != Some(&b'-') {
                return Ok(SmtpReply { code, lines });
            }
        }
        Err(self.cut("its reply has too many lines"))
    }

    fn cut(&self, why: &str) -> Undelivered {
        OutgoingError::Cut(format!("{}: {why}", self.host)).into()
    }
}

impl SmtpReply {
    fn or_refused(self, what: &'static str) -> Result<Self, Undelivered> {
        if self.code < 300 {
            return Ok(self);
        }
        Err(Undelivered::Refused { what, code: self.code, text: self.lines.join(" ") })
    }
}
