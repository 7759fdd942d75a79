//! The floor: the same GETs as a catch-up, a byte scan for the last time, the bytes written on (to a file, or to a receiver, 50
//! pages a call). Nothing is parsed, nothing is deduplicated, nothing survives a crash.

use std::{fs::File, io::Write};

use memchr::memmem;

/// Pages of one call to a receiver.
const PAGES_A_CALL: usize = 50;

/// `out` is a file, or the URL of a receiver.
pub fn run(base_url: &str, out: &str) {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(walk(base_url, out));
}

enum Out {
    File(File),
    Receiver { url: String, pages: Vec<u8>, count: usize },
}

async fn walk(base_url: &str, out: &str) {
    let client = reqwest::Client::builder().tcp_nodelay(true).build().unwrap();
    let mut out = match out.starts_with("http") {
        true => Out::Receiver { url: out.to_owned(), pages: Vec::new(), count: 0 },
        false => Out::File(File::create(out).unwrap()),
    };
    let time = memmem::FinderRev::new(b"\"effective_at\":");
    let (mut last, mut pages) = (None, 0);
    loop {
        let window = last.map_or(String::new(), |last: u64| format!("&effective_at[lte]={last}"));
        let url = format!("{base_url}/organization/audit_logs?limit=100{window}");
        let answer = client.get(url).header("authorization", "Bearer sk-admin-floor").send().await.unwrap();
        let body = answer.bytes().await.unwrap();
        pages += 1;
        let Some(place) = time.rfind(&body) else { break };
        let digits = body[place + 15..].iter().take_while(|byte| byte.is_ascii_digit());
        let second = digits.fold(0, |number, digit| number * 10 + u64::from(digit - b'0'));
        out.take(&client, &body).await;
        if last == Some(second) || memmem::rfind(&body, b"\"has_more\":false").is_some() {
            break;
        }
        last = Some(second);
    }
    out.finish(&client).await;
    eprintln!("floor: {pages} pages");
}

impl Out {
    async fn take(&mut self, client: &reqwest::Client, body: &[u8]) {
        match self {
            Self::File(file) => file.write_all(body).unwrap(),
            Self::Receiver { pages, count, .. } => {
                pages.extend_from_slice(body);
                *count += 1;
                if *count == PAGES_A_CALL {
                    self.send(client).await;
                }
            }
        }
    }

    async fn send(&mut self, client: &reqwest::Client) {
        let Self::Receiver { url, pages, count } = self else { return };
        *count = 0;
        client.post(url.as_str()).body(std::mem::take(pages)).send().await.unwrap();
    }

    async fn finish(mut self, client: &reqwest::Client) {
        self.send(client).await;
        if let Self::File(file) = self {
            file.sync_all().unwrap();
        }
    }
}
