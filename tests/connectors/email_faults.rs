//! What `.email` makes of a server that is not well.

use ccfd::connectors::{Retry, RunFailure};
use serde_json::{Value, json};

use super::{
    email::{SECRETS, config},
    made,
    smtp::{Answer, Encryption, Smtp},
};

/// Every step of the dialogue; `""` is the greeting, `"."` the end of the message.
const STEPS: [&str; 7] = ["", "EHLO", "AUTH", "MAIL", "RCPT", "DATA", "."];

fn message() -> Value {
    json!({ "to": ["ada@example.com", "bob@example.com"], "subject": "s", "message": "m" })
}

/// What a run makes of a server that does this at one step.
async fn after(step: &'static str, answer: Answer) -> RunFailure {
    let server = Smtp::start(Encryption::None);
    server.answer(step, answer);
    let failed = made(".email", config(&server), &SECRETS).run(message()).await.expect_err(step);
    let text = format!("{failed:?}");
    for hidden in ["sekret", "ada@example.com", "bob@example.com", "c2VrcmV0LXBhc3N3b3Jk"] {
        assert!(!text.contains(hidden), "{step}: {text}");
    }
    assert!(text.chars().count() < 1000 && !failed.to_string().chars().any(char::is_control), "{text}");
    assert_eq!(failed.message, "error sending email");
    failed
}

#[tokio::test]
async fn a_refusal_for_a_while_is_tried_again_and_one_for_good_is_not() {
    for step in STEPS {
        let failed = after(step, Answer::Says("451 4.3.0 <ada@example.com> sekret-password later\r\n")).await;
        assert_eq!(failed.retry, Retry::Yes, "{step}: {failed}");
        let said = failed.service_message.unwrap();
        assert!(said.ends_with(": 451 4.3.0 <[address]> [secret] later"), "{step}: {said}");
        let failed = after(step, Answer::Says("554-5.7.1 \u{1b}[31mno\r\n554 5.7.1 never\r\n")).await;
        assert_eq!(failed.retry, Retry::No, "{step}: {failed}");
        assert!(failed.to_string().contains(": 554 5.7.1 [31mno"), "{step}: {failed}");
    }
}

#[tokio::test]
async fn a_recipient_is_hidden_however_the_server_writes_it() {
    let server = Smtp::start(Encryption::None);
    let text = "550 5.1.1 Ada King <ADA@EXAMPLE.COM> (ada+x%40example.com, ada@old.example.net) unknown\r\n";
    server.answer("RCPT", Answer::Says(text));
    let params = json!({ "to": ["Ada King <ada@example.com>"], "subject": "s", "message": "m" });
    let failed = made(".email", config(&server), &SECRETS).run(params).await.unwrap_err();
    let said = failed.service_message.unwrap();
    assert!(said.ends_with(": 550 5.1.1 [address] <[address]> ([address], [address]) unknown"), "{said}");
}

#[tokio::test]
async fn a_server_that_repeats_the_message_tells_none_of_it() {
    let server = Smtp::start(Encryption::None);
    let text = "554 5.6.0 refused: granted to a stranger from here (junk)\r\n";
    server.answer(".", Answer::Says(text));
    let params = json!({ "to": ["ada@example.com"], "subject": "s", "message": "Owner role granted to a stranger from here" });
    let failed = made(".email", config(&server), &SECRETS).run(params).await.unwrap_err();
    let said = failed.service_message.unwrap();
    assert!(said.ends_with(": 554 5.6.0 refused: [body] (junk)"), "{said}");
}

#[tokio::test]
async fn refusals_are_worded_as_kibanas_mailer_words_them() {
    for (step, what) in [
        ("", "Invalid greeting"),
        ("AUTH", "Invalid login"),
        ("MAIL", "Mail command failed"),
        ("RCPT", "Can't send mail - all recipients were rejected"),
        ("DATA", "Data command failed"),
        (".", "Message failed"),
    ] {
        let failed = after(step, Answer::Says("550 5.0.0 no\r\n")).await;
        assert_eq!(failed.service_message, Some(format!("{what}: 550 5.0.0 no")));
    }
}

#[tokio::test]
async fn a_server_that_hangs_is_left_after_the_timeout() {
    for step in STEPS {
        let failed = after(step, Answer::Hangs).await;
        assert_eq!(failed.service_message.as_deref(), Some("timeout of 700 ms exceeded"), "{step}");
        assert_eq!(failed.retry, Retry::Yes, "{step}");
    }
}

#[tokio::test]
async fn a_connection_that_is_cut_is_tried_again() {
    for step in STEPS {
        let failed = after(step, Answer::Cuts).await;
        assert_eq!(failed.retry, Retry::Yes, "{step}: {failed}");
    }
}

#[tokio::test]
async fn a_line_that_never_ends_is_not_read() {
    for step in STEPS {
        let failed = after(step, Answer::Floods).await;
        assert!(!failed.to_string().contains("timeout"), "{step}: {failed}");
    }
}

#[tokio::test]
async fn what_is_no_smtp_is_refused() {
    for (step, text) in [
        ("", "HTTP/1.1 400 Bad Request\r\n\r\n"),
        ("", "\u{0}\u{1}\u{2}\r\n"),
        ("EHLO", "250 \r\n"),
        ("RCPT", "yes\r\n"),
    ] {
        let server = Smtp::start(Encryption::None);
        server.answer(step, Answer::Says(text));
        let failed = made(".email", config(&server), &SECRETS).run(message()).await.unwrap_err();
        assert!(server.messages().is_empty(), "{step} {text:?}: {failed}");
    }
}

#[tokio::test]
async fn one_recipient_who_is_refused_does_not_keep_the_message_from_the_others() {
    let server = Smtp::start(Encryption::None);
    server.answer("RCPT TO:<ada", Answer::Says("550 5.1.1 unknown\r\n"));
    let sent = made(".email", config(&server), &SECRETS).run(message()).await.unwrap();
    assert_eq!(sent["accepted"], json!(["bob@example.com"]));
    assert_eq!(sent["rejected"], json!(["ada@example.com"]));
    assert_eq!(server.messages().len(), 1);
}

const LATER: Answer = Answer::Says("451 4.7.1 <ada@example.com> later\r\n");

/// The recipients of all attempts, in their order.
fn recipients(server: &Smtp) -> Vec<String> {
    let commands = server.commands().into_iter();
    commands.filter_map(|command| Some(command.strip_prefix("RCPT TO:")?.to_owned())).collect()
}

#[tokio::test]
async fn a_recipient_who_is_refused_for_a_while_is_tried_again_alone() {
    let server = Smtp::start(Encryption::None);
    server.answer_first("RCPT TO:<ada", LATER, 1);
    let sent = made(".email", config(&server), &SECRETS).run(message()).await.unwrap();
    assert_eq!(
        (&sent["accepted"], &sent["rejected"]),
        (&json!(["bob@example.com", "ada@example.com"]), &json!([]))
    );
    assert_eq!(recipients(&server), ["<ada@example.com>", "<bob@example.com>", "<ada@example.com>"]);
    let server = Smtp::start(Encryption::None);
    server.answer("RCPT TO:<ada", LATER);
    let sent = made(".email", config(&server), &SECRETS).run(message()).await.unwrap();
    assert_eq!(sent["rejected"], json!(["ada@example.com"]), "and named if that does not help");
    assert_eq!((server.messages().len(), recipients(&server).len()), (1, 3));
}

#[tokio::test]
async fn an_attempt_sends_nothing_to_those_who_have_the_message() {
    let server = Smtp::start(Encryption::None);
    server.answer_first("RCPT TO:<ada", LATER, 2);
    let connector = made(".email", config(&server), &SECRETS);
    for _ in 0..2 {
        let failed = connector.attempt(message(), Some("alert:mail")).await.unwrap_err();
        let said = "1 of 2 recipients refused for a while (1 have it, 0 refused for good): 451 4.7.1 <[address]> later";
        assert_eq!((failed.retry, failed.service_message.as_deref()), (Retry::Rest, Some(said)));
    }
    let sent = connector.attempt(message(), Some("alert:mail")).await.unwrap();
    assert_eq!(
        (&sent["accepted"], &sent["rejected"]),
        (&json!(["bob@example.com", "ada@example.com"]), &json!([]))
    );
    assert_eq!(server.messages().len(), 2);
    assert_eq!(recipients(&server)[1..], ["<bob@example.com>", "<ada@example.com>", "<ada@example.com>"]);
    connector.attempt(message(), Some("another:mail")).await.unwrap();
    assert_eq!(recipients(&server).len(), 6, "another run has both");
}

#[tokio::test]
async fn an_attempt_counts_who_has_the_message_and_who_never_will() {
    let server = Smtp::start(Encryption::None);
    server.answer("RCPT TO:<ada", LATER);
    server.answer("RCPT TO:<cy", Answer::Says("550 5.1.1 unknown\r\n"));
    let mut params = message();
    params["cc"] = json!(["cy@example.com"]);
    let failed = made(".email", config(&server), &SECRETS).attempt(params, Some("a:mail")).await.unwrap_err();
    let said = failed.service_message.unwrap();
    assert!(
        said.starts_with("1 of 3 recipients refused for a while (1 have it, 1 refused for good): "),
        "{said}"
    );
}

#[tokio::test]
async fn an_attempt_that_is_left_with_refusals_for_good_names_them_and_is_done() {
    let server = Smtp::start(Encryption::None);
    server.answer_first("RCPT TO:<ada", LATER, 1);
    let connector = made(".email", config(&server), &SECRETS);
    connector.attempt(message(), Some("alert:mail")).await.unwrap_err();
    server.answer("RCPT TO:<ada", Answer::Says("550 5.1.1 unknown\r\n"));
    let sent = connector.attempt(message(), Some("alert:mail")).await.unwrap();
    assert_eq!(
        (&sent["accepted"], &sent["rejected"]),
        (&json!(["bob@example.com"]), &json!(["ada@example.com"]))
    );
    assert_eq!(server.messages().len(), 1);
}

#[tokio::test]
async fn a_message_that_was_accepted_is_delivered_however_the_goodbye_is() {
    for answer in [Answer::Hangs, Answer::Cuts, Answer::Says("421 no\r\n")] {
        let server = Smtp::start(Encryption::None);
        server.answer("QUIT", answer);
        made(".email", config(&server), &SECRETS).run(message()).await.unwrap();
        assert_eq!(server.messages().len(), 1);
    }
}

#[tokio::test]
async fn a_server_without_authentication_gets_no_message_from_a_connector_with_secrets() {
    let server = Smtp::start(Encryption::None);
    server.answer("EHLO", Answer::Says("250 fake\r\n"));
    let failed = made(".email", config(&server), &SECRETS).run(message()).await.unwrap_err();
    assert_eq!(failed.retry, Retry::No);
    assert!(failed.to_string().contains("No compatible authentication mechanism was found"), "{failed}");
    let mut open = config(&server);
    open["hasAuth"] = false.into();
    made(".email", open, &[]).run(message()).await.unwrap();
}
