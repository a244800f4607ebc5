//! What `docs/alerts.md` shows is true: its configuration is read and checked, its messages are the ones that are sent.

use kentongan_alerts::config::check;

use crate::peers::read_channels;

fn docs() -> String {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/alerts.md");
    std::fs::read_to_string(path).unwrap_or_else(|fault| panic!("{path}: {fault}"))
}

/// The fenced blocks of that language.
pub(crate) fn blocks(language: &str) -> Vec<String> {
    let fence = format!("```{language}\n");
    let docs = docs();
    let blocks: Vec<String> =
        docs.split(&fence).skip(1).filter_map(|rest| rest.split("```").next().map(str::to_owned)).collect();
    assert!(!blocks.is_empty(), "docs/alerts.md has no {language} block");
    blocks
}

#[test]
fn every_configuration_in_the_docs_is_valid() {
    let samples = blocks("toml");
    assert!(samples.len() >= 3, "webhook, Telegram and mail are each shown");
    for sample in samples {
        let channels = read_channels(&sample);
        assert!(!channels.is_empty(), "{sample}");
        check(&channels).unwrap_or_else(|faults| panic!("{faults}\n{sample}"));
    }
}

#[test]
fn the_messages_in_the_docs_are_those_that_are_sent() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("src/snapshots");
    let mut sent = String::new();
    for file in std::fs::read_dir(folder).unwrap() {
        sent.push_str(&std::fs::read_to_string(file.unwrap().path()).unwrap());
    }
    for shown in blocks("text") {
        assert!(sent.contains(shown.trim_end()), "no snapshot has this message:\n{shown}");
    }
}

#[test]
fn faults_of_channels_are_told_all_at_once() {
    let channels = read_channels(
        r#"
[[channel]]
kind = "webhook"
name = "pusat"
url = "alert.example.go.id/hook"

[[channel]]
kind = "telegram"
name = "pusat"
token = { env = "TOKEN" }
chat_id = "-100123"
only = { regions = ["33.6"] }

[[channel]]
kind = "smtp"
name = "surel"
host = " "
from = "kentongan"
to = ["ict@example.go.id", "ict@example.go.id"]
tls = "none"
username = "ict"

[[channel]]
kind = "smtp"
name = "kosong"
host = "mail.example.go.id"
from = "kentongan@example.go.id"
to = []
"#,
    );
    insta::assert_snapshot!(check(&channels).unwrap_err());
}

#[test]
fn misspelt_keys_kinds_and_names_are_refused() {
    for (text, says) in [
        (
            "kind = \"webhook\"\nname = \"a\"\nurl = \"http://a\"\nsecrt = { env = \"A\" }",
            "unknown field `secrt`",
        ),
        ("kind = \"whatsapp\"\nname = \"a\"", "unknown variant `whatsapp`"),
        (
            "kind = \"webhook\"\nname = \"Grup ICT\"\nurl = \"http://a\"",
            "'Grup ICT' is no name for a channel",
        ),
        (
            "kind = \"webhook\"\nname = \"a\"\nurl = \"http://a\"\nsecret = \"kunci\"",
            "expected `env` or `file`",
        ),
        (
            "kind = \"webhook\"\nname = \"a\"\nurl = \"http://a\"\nonly = { kind = [] }",
            "unknown field `kind`",
        ),
    ] {
        #[derive(Debug, serde::Deserialize)]
        struct File {
            #[serde(rename = "channel")]
            _channel: Vec<kentongan_alerts::config::ChannelConfig>,
        }
        let fault = toml::from_str::<File>(&format!("[[channel]]\n{text}\n")).unwrap_err().to_string();
        assert!(fault.contains(says), "{text}\n{fault}");
    }
}
