//! One connection through the proxy.

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use super::{
    Fault, Shared,
    chance::{Plan, Way},
};

const CHUNK_BYTES: usize = 16 << 10;

/// Carries bytes both ways until either end is gone, or a fault ends it. Both are closed when this returns.
pub async fn carry(mut client: TcpStream, mut server: TcpStream, shared: &Shared) {
    let (mut request, mut answer) = ([0; CHUNK_BYTES], [0; CHUNK_BYTES]);
    let mut exchange = Exchange { shared, plan: None, passed: 0, slow: None };
    let mut last = Way::Answer;
    loop {
        let (way, read) = tokio::select! {
            read = client.read(&mut request) => (Way::Request, read),
            read = server.read(&mut answer) => (Way::Answer, read),
        };
        let Ok(count @ 1..) = read else { return };
        if (way, last) == (Way::Request, Way::Answer) {
            exchange.begin();
        }
        last = way;
        let (to, bytes) = match way {
            Way::Request => (&mut server, &mut request[..count]),
            Way::Answer => (&mut client, &mut answer[..count]),
        };
        match exchange.pass(way, bytes, to).await {
            Passed::On => {}
            Passed::Cut => return,
            Passed::Reset => {
                // An end that is gone already needs no reset.
                _ = (client.set_zero_linger(), server.set_zero_linger());
                return;
            }
        }
    }
}

struct Exchange<'a> {
    shared: &'a Shared,
    plan: Option<Plan>,
    /// Bytes that went the way of the plan.
    passed: usize,
    slow: Option<Plan>,
}

enum Passed {
    On,
    Cut,
    Reset,
}

impl Exchange<'_> {
    fn begin(&mut self) {
        (self.plan, self.passed, self.slow) = (self.shared.chance.lock().unwrap().plan(), 0, None);
    }

    async fn pass(&mut self, way: Way, bytes: &mut [u8], to: &mut TcpStream) -> Passed {
        let whole = bytes.len();
        let due = self.plan.filter(|plan| plan.way == way && plan.place < self.passed + whole);
        let Some(plan) = due else {
            if self.plan.is_some_and(|plan| plan.way == way) {
                self.passed += whole;
            }
            return self.send(way, bytes, to).await;
        };
        self.plan = None;
        if plan.fault != Fault::Certificate {
            self.shared.happened(plan.fault);
        }
        let (before, behind) = bytes.split_at_mut(plan.place - self.passed);
        match plan.fault {
            Fault::Cut => self.send(way, before, to).await.then(Passed::Cut),
            Fault::Reset => self.send(way, before, to).await.then(Passed::Reset),
            Fault::Slow => {
                self.slow = Some(plan);
                self.send(way, bytes, to).await
            }
            Fault::Garbage => {
                self.shared.chance.lock().unwrap().garble(behind);
                self.send(way, bytes, to).await
            }
            // It happens to the connection that follows.
            Fault::Certificate => Passed::Cut,
        }
    }

    async fn send(&self, way: Way, bytes: &[u8], to: &mut TcpStream) -> Passed {
        let sent = match self.slow.filter(|plan| plan.way == way) {
            None => to.write_all(bytes).await,
            Some(Plan { drops: (bytes_a_drop, pause), .. }) => drip(bytes, bytes_a_drop, pause, to).await,
        };
        if sent.is_ok() { Passed::On } else { Passed::Cut }
    }
}

impl Passed {
    fn then(self, next: Self) -> Self {
        match self {
            Self::On => next,
            Self::Cut | Self::Reset => self,
        }
    }
}

async fn drip(
    bytes: &[u8],
    bytes_a_drop: usize,
    pause: std::time::Duration,
    to: &mut TcpStream,
) -> std::io::Result<()> {
    for one in bytes.chunks(bytes_a_drop) {
        to.write_all(one).await?;
        tokio::time::sleep(pause).await;
    }
    Ok(())
}
