//! Signals: SIGTERM and SIGINT ask for the stop, SIGHUP for a reload.

use std::{io, sync::Arc};

use tokio::signal::unix::{Signal, SignalKind, signal};

use super::control::Control;
use crate::pipeline::shutdown::ShutdownSender;

/// SIGTERM and SIGINT ask for the stop; a second one ends the process at once.
pub fn watch_stop(sender: ShutdownSender) -> io::Result<Arc<ShutdownSender>> {
    let sender = Arc::new(sender);
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let stopper = sender.clone();
    tokio::spawn(async move {
        for times in 0.. {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = interrupt.recv() => {}
            }
            if times > 0 {
                std::process::exit(1);
            }
            stopper.request();
        }
    });
    Ok(sender)
}

/// SIGHUP reads the configuration again. What came of it is in the log.
pub fn watch_reload(control: Control) -> io::Result<()> {
    let mut hangup: Signal = signal(SignalKind::hangup())?;
    tokio::spawn(async move {
        while hangup.recv().await.is_some() {
            _ = control.reload().await;
        }
    });
    Ok(())
}
