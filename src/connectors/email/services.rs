//! Servers of well-known services, so that settings need to name only the service.

/// Host, port, and whether it is encrypted from the start.
pub type SmtpServer = (&'static str, u16, bool);

const SERVICES: [(&str, SmtpServer); 13] = [
    ("fastmail", ("smtp.fastmail.com", 465, true)),
    ("gmail", ("smtp.gmail.com", 465, true)),
    ("hotmail", ("smtp-mail.outlook.com", 587, false)),
    ("icloud", ("smtp.mail.me.com", 587, false)),
    ("mailgun", ("smtp.mailgun.org", 465, true)),
    ("mailjet", ("in.mailjet.com", 587, false)),
    ("outlook365", ("smtp.office365.com", 587, false)),
    ("postmark", ("smtp.postmarkapp.com", 2525, false)),
    ("sendgrid", ("smtp.sendgrid.net", 587, false)),
    ("sendinblue", ("smtp-relay.sendinblue.com", 587, false)),
    ("ses", ("email-smtp.us-east-1.amazonaws.com", 465, true)),
    ("yahoo", ("smtp.mail.yahoo.com", 465, true)),
    ("zoho", ("smtp.zoho.com", 465, true)),
];

/// The server of a service, whose name may be in capitals.
pub fn server(service: &str) -> Option<SmtpServer> {
    SERVICES.iter().find(|(name, _)| name.eq_ignore_ascii_case(service)).map(|(_, server)| *server)
}
