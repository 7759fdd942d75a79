//! Tags of rules as names that a SIEM knows: tactics and techniques of ATT&CK, version 19 and later.

/// A tactic: the tag of Sigma, the id and name of ATT&CK, and the name that Sentinel has for it.
pub(super) struct Tactic {
    tag: &'static str,
    pub(super) id: &'static str,
    pub(super) name: &'static str,
    pub(super) sentinel: &'static str,
}

const fn tactic(tag: &'static str, id: &'static str, name: &'static str, sentinel: &'static str) -> Tactic {
    Tactic { tag, id, name, sentinel }
}

/// Sentinel still has the tactic that ATT&CK has divided into Stealth and Defense Impairment.
const TACTICS: [Tactic; 15] = [
    tactic("reconnaissance", "TA0043", "Reconnaissance", "Reconnaissance"),
    tactic("resource-development", "TA0042", "Resource Development", "ResourceDevelopment"),
    tactic("initial-access", "TA0001", "Initial Access", "InitialAccess"),
    tactic("execution", "TA0002", "Execution", "Execution"),
    tactic("persistence", "TA0003", "Persistence", "Persistence"),
    tactic("privilege-escalation", "TA0004", "Privilege Escalation", "PrivilegeEscalation"),
    tactic("stealth", "TA0005", "Stealth", "DefenseEvasion"),
    tactic("defense-impairment", "TA0112", "Defense Impairment", "DefenseEvasion"),
    tactic("credential-access", "TA0006", "Credential Access", "CredentialAccess"),
    tactic("discovery", "TA0007", "Discovery", "Discovery"),
    tactic("lateral-movement", "TA0008", "Lateral Movement", "LateralMovement"),
    tactic("collection", "TA0009", "Collection", "Collection"),
    tactic("command-and-control", "TA0011", "Command and Control", "CommandAndControl"),
    tactic("exfiltration", "TA0010", "Exfiltration", "Exfiltration"),
    tactic("impact", "TA0040", "Impact", "Impact"),
];

/// The tactics that tags name, each once, in the order of ATT&CK.
pub(super) fn tactics(tags: &[String]) -> Vec<&'static Tactic> {
    let of_attack: Vec<String> = of_attack(tags).map(|tag| tag.replace('_', "-")).collect();
    TACTICS.iter().filter(|tactic| of_attack.iter().any(|tag| tag == tactic.tag)).collect()
}

/// The ids of the techniques that tags name, such as `T1098` and `T1098.003`, each once.
pub(super) fn techniques(tags: &[String]) -> Vec<String> {
    let mut ids: Vec<String> =
        of_attack(tags).filter(|tag| is_technique(tag)).map(|tag| tag.to_uppercase()).collect();
    ids.sort_unstable();
    ids.dedup();
    ids
}

/// The tags of ATT&CK without their namespace, in lower case.
fn of_attack(tags: &[String]) -> impl Iterator<Item = String> {
    tags.iter().filter_map(|tag| tag.to_lowercase().strip_prefix("attack.").map(str::to_owned))
}

fn is_technique(tag: &str) -> bool {
    tag.strip_prefix('t').is_some_and(|digits| {
        digits.len() >= 4 && digits.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.')
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tactics_have_the_names_of_attack_19_and_techniques_their_ids() {
        let tags =
            ["attack.t1098.003", "attack.defense-impairment", "attack.t1098", "owasp.llm01", "attack.g0001"];
        let tags = tags.map(str::to_owned);
        let names: Vec<_> = tactics(&tags).iter().map(|one| (one.id, one.name, one.sentinel)).collect();
        assert_eq!(names, [("TA0112", "Defense Impairment", "DefenseEvasion")]);
        assert_eq!(techniques(&tags), ["T1098", "T1098.003"]);
    }

    #[test]
    fn every_tactic_of_the_starter_pack_is_known() {
        let dir = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("src/detect/starter_pack");
        for entry in dir.read_dir().unwrap() {
            let path = entry.unwrap().path();
            if path.extension().is_none_or(|extension| extension != "yml") {
                continue;
            }
            let text = std::fs::read_to_string(&path).unwrap();
            for tag in text.lines().filter_map(|line| line.trim().strip_prefix("- attack.")) {
                let tags = [format!("attack.{tag}")];
                assert!(
                    !tactics(&tags).is_empty() || !techniques(&tags).is_empty(),
                    "{tag} of {}",
                    path.display()
                );
            }
        }
    }
}
