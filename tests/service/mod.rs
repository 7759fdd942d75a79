//! ccfd as a service: what it tells systemd, and whether the files in `deploy/` that run it are sound.

mod notify;
