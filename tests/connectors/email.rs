//! `.email`: what arrives, how it is encrypted, and what nobody can add to it.

use std::path::Path;

use ccfd::{
    config::{HostSettings, OutgoingSettings, TargetHost},
    connectors::{Retry, outgoing::Outgoing},
};
use collectors::TlsVerification;
use serde_json::{Value, json};

use super::{
    Made, made, made_with, not_made, settings,
    smtp::{Answer, Encryption, Smtp},
};
use crate::support::fake::Ca;

pub const SECRETS: [(&str, &str); 2] = [("user", "ccfd-user"), ("password", "sekret-password")];
/// `\0ccfd-user\0sekret-password`
const PLAIN: &str = "AUTH PLAIN AGNjZmQtdXNlcgBzZWtyZXQtcGFzc3dvcmQ=";

pub fn config(server: &Smtp) -> Value {
    json!({ "from": "ccfd <ccfd@example.com>", "host": "127.0.0.1", "port": server.port() })
}

/// A connector whose server has settings of its own.
fn verifying(server: &Smtp, verification: TlsVerification, ca_file: Option<&Path>, secure: bool) -> Made {
    let host = HostSettings {
        scheme: "smtp".to_owned(),
        host: TargetHost::parse("127.0.0.1").unwrap(),
        port: server.port(),
        verification,
        ca_file: ca_file.map(Path::to_owned),
    };
    let settings = OutgoingSettings { hosts: vec![host], ..settings() };
    let mut config = config(server);
    config["secure"] = secure.into();
    made_with(".email", config, &SECRETS, settings).unwrap()
}

fn message() -> Value {
    json!({ "to": ["ada@example.com"], "subject": "s", "message": "m" })
}

#[tokio::test]
async fn a_message_arrives_whole() {
    let server = Smtp::start(Encryption::None);
    let email = made(".email", config(&server), &SECRETS);
    let sent = email
        .run(json!({
            "to": ["Ada <ada@example.com>"], "cc": ["cc@example.com"], "bcc": ["hidden@example.com"],
            "replyTo": ["soc@example.com"], "subject": "Grüße", "message": "first\n.second\n..third\nGrüße\n",
        }))
        .await
        .unwrap();
    assert_eq!(sent["accepted"], json!(["ada@example.com", "cc@example.com", "hidden@example.com"]));
    assert_eq!((&sent["rejected"], &sent["response"]), (&json!([]), &json!("250 2.0.0 queued as 1")));
    assert_eq!(sent["envelope"]["from"], "ccfd@example.com");
    let commands = server.commands();
    assert_eq!(commands.iter().filter(|command| command.starts_with("RCPT")).count(), 3);
    assert!(commands.contains(&PLAIN.to_owned()), "{commands:?}");
    let message = server.messages().remove(0);
    for line in [
        "To: Ada <ada@example.com>\r\n",
        "Cc: cc@example.com\r\n",
        "Reply-To: soc@example.com\r\n",
        "Date: Sun, 29 Nov 2026 00:00:00 +0000\r\n",
        "Auto-Submitted: auto-generated\r\n",
        &format!("Message-ID: {}\r\n", sent["messageId"].as_str().unwrap()),
        "\r\n.second\r\n..third\r\nGr=C3=BC=C3=9Fe\r\n",
    ] {
        assert!(message.contains(line), "{line:?} in {message}");
    }
    assert!(!message.contains("hidden@example.com"), "{message}");
    email.test().await.unwrap();
    assert!(
        server.commands().contains(&"RCPT TO:<ccfd@example.com>".to_owned()),
        "a test goes to the sender"
    );
}

#[tokio::test]
async fn html_is_sent_only_where_the_settings_allow_it() {
    let server = Smtp::start(Encryption::None);
    let mut params = message();
    params["messageHTML"] = "<b>m</b>".into();
    let failed = made(".email", config(&server), &SECRETS).run(params.clone()).await.unwrap_err();
    assert_eq!(failed.message, "HTML email can only be sent when the connector is configured to allow HTML");
    assert!(server.commands().is_empty());
    let mut allowing = config(&server);
    allowing["allowHtml"] = true.into();
    made(".email", allowing, &SECRETS).run(params).await.unwrap();
    let message = server.messages().remove(0);
    assert!(message.contains("multipart/alternative") && message.contains("<b>m</b>"), "{message}");
}

#[tokio::test]
async fn all_attempts_of_a_run_have_one_message_id() {
    let server = Smtp::start(Encryption::None);
    let email = made(".email", config(&server), &SECRETS);
    let mut ids = Vec::new();
    for key in [Some("run-1"), Some("run-1"), Some("run-2"), None, None] {
        ids.push(email.attempt(message(), key).await.unwrap()["messageId"].clone());
    }
    assert_eq!(ids[0], ids[1]);
    ids.remove(0);
    ids.dedup();
    assert_eq!(ids.len(), 4);
}

#[tokio::test]
async fn nothing_can_be_added_to_a_message() {
    let server = Smtp::start(Encryption::None);
    let email = made(".email", config(&server), &SECRETS);
    let hostile = "s\r\nBcc: eve@example.com\r\n\r\n.\r\nRCPT TO:<eve@example.com>";
    let mut params = message();
    params["subject"] = hostile.into();
    params["message"] = format!("{hostile}\r\n.\r\nMAIL FROM:<eve@example.com>").into();
    email.run(params).await.unwrap();
    for place in ["to", "cc", "bcc", "replyTo"] {
        for address in [
            "a@example.com\r\nBcc: eve@example.com",
            "a@example.com,eve@example.com",
            "A\nX: y <a@example.com>",
        ] {
            let mut params = message();
            params[place] = json!([address]);
            assert!(email.refused(params).starts_with(&format!("[{place}]: ")));
        }
    }
    let commands = server.commands();
    assert!(!commands.iter().any(|command| command.contains("eve@")), "{commands:?}");
    assert_eq!(commands.iter().filter(|command| command.starts_with("RCPT")).count(), 1);
    let messages = server.messages();
    let head = messages[0].split("\r\n\r\n").next().unwrap();
    assert!(!head.lines().any(|line| line.starts_with("Bcc")), "{head}");
}

#[tokio::test]
async fn a_server_that_offers_encryption_gets_no_password_without_it() {
    let ca = Ca::new();
    let server = Smtp::start(Encryption::StartTls(ca.server()));
    verifying(&server, TlsVerification::Full, Some(&ca.path()), false).run(message()).await.unwrap();
    let commands = server.commands();
    let encrypted = commands.iter().position(|command| command == "--encrypted--").unwrap();
    assert_eq!(commands[encrypted - 1], "STARTTLS");
    assert!(commands[..encrypted].iter().all(|command| !command.starts_with("AUTH")), "{commands:?}");
    assert!(commands[encrypted..].contains(&PLAIN.to_owned()), "{commands:?}");
    assert_eq!(server.messages().len(), 1);
}

#[tokio::test]
async fn a_server_may_be_encrypted_from_the_start() {
    let ca = Ca::new();
    let server = Smtp::start(Encryption::FromStart(ca.server()));
    verifying(&server, TlsVerification::Full, Some(&ca.path()), true).run(message()).await.unwrap();
    assert_eq!(server.commands()[0], "--encrypted--");
    assert_eq!(server.messages().len(), 1);
}

#[tokio::test]
async fn a_certificate_is_verified_as_the_settings_say() {
    let (ca, other) = (Ca::new(), Ca::named("another"));
    for encryption in [Encryption::StartTls, Encryption::FromStart] {
        let secure = matches!(encryption(ca.server()), Encryption::FromStart(_));
        let server = Smtp::start(encryption(ca.server()));
        let misnamed = Smtp::start(encryption(ca.server_named(&["mail.example.com"])));
        let refused: [(&Smtp, TlsVerification, &Ca); 3] = [
            (&server, TlsVerification::Full, &other),
            (&server, TlsVerification::Certificate, &other),
            (&misnamed, TlsVerification::Full, &ca),
        ];
        for (server, verification, ca) in refused {
            let failed =
                verifying(server, verification, Some(&ca.path()), secure).run(message()).await.unwrap_err();
            assert_eq!(failed.retry, Retry::No, "{failed}");
            assert!(!server.commands().iter().any(|command| command.contains("AUTH")));
        }
        verifying(&misnamed, TlsVerification::Certificate, Some(&ca.path()), secure)
            .run(message())
            .await
            .unwrap();
        verifying(&misnamed, TlsVerification::None, None, secure).run(message()).await.unwrap();
        assert_eq!((server.messages().len(), misnamed.messages().len()), (0, 2));
    }
}

#[tokio::test]
async fn what_is_said_before_the_encryption_does_not_count_behind_it() {
    let ca = Ca::new();
    let server = Smtp::start(Encryption::StartTls(ca.server()));
    server.answer("STARTTLS", Answer::Says("220 go ahead\r\n250-injected\r\n250 AUTH LOGIN\r\n"));
    let failed =
        verifying(&server, TlsVerification::Full, Some(&ca.path()), false).run(message()).await.unwrap_err();
    let why = "127.0.0.1: it says something between STARTTLS and the encryption";
    assert_eq!(failed.service_message.as_deref(), Some(why));
}

#[tokio::test]
async fn only_hosts_that_are_allowed_are_reached() {
    let server = Smtp::start(Encryption::None);
    for host in ["10.0.0.1", "localhost", "169.254.169.254", "example.com"] {
        let mut config = config(&server);
        config["host"] = host.into();
        let refused = not_made(".email", config, &SECRETS);
        assert_eq!(refused, format!("[host] value '{host}' is not in the allowedHosts configuration"));
    }
    let service = not_made(".email", json!({ "from": "a@example.com", "service": "gmail" }), &SECRETS);
    let why = "[service] value 'gmail' resolves to host 'smtp.gmail.com' which is not in the allowedHosts configuration";
    assert_eq!(service, why);
    // A host that was allowed when the connector was made, and is not any more.
    let mut email = made(".email", config(&server), &SECRETS);
    email.outgoing = Outgoing::only_to(&["example.com"]);
    let failed = email.run(message()).await.unwrap_err();
    assert_eq!(failed.retry, Retry::No, "{failed}");
    assert!(server.commands().is_empty());
}

#[test]
fn secrets_are_strict() {
    let config = json!({ "from": "a@example.com", "host": "127.0.0.1", "port": 25 });
    let refused = |secrets: &[(&str, &str)]| not_made(".email", config.clone(), secrets);
    assert_eq!(refused(&[]), "[user] is required");
    assert_eq!(refused(&SECRETS[..1]), "[password] is required");
    assert_eq!(refused(&[("clientSecret", "x")]), "[clientSecret]: OAuth authentication is not supported");
    assert_eq!(refused(&[("token", "x")]), "[token]: definition for this key is missing");
}
