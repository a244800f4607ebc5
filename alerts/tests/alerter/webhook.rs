//! A webhook: what arrives, whether its signature holds, and what each answer of the receiver leads to.

use std::io::Write as _;

use hmac::{Hmac, KeyInit, Mac};
use serde_json::json;

use crate::{
    peers::{Answer, Collector, Office, Receiver, Request},
    tale::{flapping, mended, minutes, morning, opened, outage, resolved, steady},
};

fn channel(receiver: &Receiver) -> String {
    format!(
        "[[channel]]\nkind = \"webhook\"\nname = \"pusat\"\nurl = \"{}\"\nsecret = RAHASIA\n",
        receiver.url()
    )
}

/// Checks the signature as a receiver does that shares nothing but the secret.
fn is_signed(request: &Request, secret: &str) -> bool {
    let mut mac = Hmac::<sha2::Sha256>::new_from_slice(secret.as_bytes()).unwrap();
    mac.update(request.header("X-Kentongan-Timestamp").as_bytes());
    mac.update(b".");
    mac.update(&request.body);
    request.header("X-Kentongan-Signature") == format!("sha256={}", hex::encode(mac.finalize().into_bytes()))
}

#[tokio::test]
async fn one_signed_message_tells_of_the_outage_and_one_of_its_end() {
    let (collector, receiver) = (Collector::start().await, Receiver::start().await);
    let office = Office::new(&collector, &channel(&receiver));
    let alerter = office.open();
    collector.write([opened(1, outage(7)), resolved(2, mended(7))]);
    let requests = receiver.until(2).await;
    office.until_settled(2).await;
    alerter.close().await;

    assert_eq!(receiver.requests().len(), 2);
    for request in &requests {
        assert!(is_signed(request, "kunci"), "{request:?}");
        assert!(!is_signed(request, "salah"));
        assert_eq!(request.header("Content-Type"), "application/json");
        assert_eq!(request.json()["id"], request.key());
        assert_eq!(request.path, "/lonceng");
    }
    assert_ne!(requests[0].key(), requests[1].key());
    let [mut first, mut second] = [requests[0].json(), requests[1].json()];
    first["id"] = "key of the first".into();
    second["id"] = "key of the second".into();
    insta::assert_json_snapshot!([first, second]);
}

#[tokio::test]
async fn a_site_that_flaps_is_told_with_its_changes_and_then_with_its_state() {
    let (collector, receiver) = (Collector::start().await, Receiver::start().await);
    let office = Office::new(&collector, &channel(&receiver));
    let alerter = office.open();
    collector.write([flapping(1), steady(2, None)]);
    let requests = receiver.until(2).await;
    alerter.close().await;
    let told: Vec<_> = requests.iter().map(Request::json).collect();
    let site = json!({
        "id": "kec-kutoarjo", "name": "Kecamatan Kutoarjo", "kind": "kecamatan", "region": "33.06.07",
        "provider": "Telkom Akses",
    });
    assert_eq!(
        [&told[0]["type"], &told[1]["type"], &told[0]["incident"]],
        [&json!("flapping"), &json!("steady"), &json!(null)]
    );
    assert_eq!(
        told[0]["flapping"],
        json!({"site": site, "since": "2026-11-01T00:30:00.000Z", "changes": 7, "state": null})
    );
    assert_eq!(
        told[1]["flapping"],
        json!({"site": site, "since": "2026-11-01T01:10:00.000Z", "changes": 9, "state": "up"})
    );
}

#[tokio::test]
async fn a_receiver_in_trouble_is_tried_again_with_the_same_key_until_it_takes_the_message() {
    let (collector, receiver) = (Collector::start().await, Receiver::start().await);
    receiver.script([
        Answer::Status(500),
        Answer::Status(404),
        Answer::RetryAfter(503, "0"),
        Answer::RetryAfter(429, "Sun, 01 Nov 2026 00:00:00 GMT"),
    ]);
    let office = Office::new(&collector, &channel(&receiver));
    let alerter = office.open();
    collector.write([opened(1, outage(7))]);
    let requests = receiver.until(5).await;
    let log = office.until_settled(1).await;
    alerter.close().await;

    assert_eq!(receiver.requests().len(), 5);
    assert!(requests.iter().all(|request| request.key() == requests[0].key()));
    assert_eq!(log, ["1 opened pusat: sent: a fault began"]);
    assert_eq!(kentongan_alerts::counters(&office.database()).unwrap().failed_attempts, 4);
}

#[tokio::test]
async fn a_receiver_that_never_answers_is_tried_again_after_the_limit() {
    let (collector, receiver) = (Collector::start().await, Receiver::start().await);
    receiver.script([Answer::Silence]);
    let mut office = Office::new(&collector, &channel(&receiver));
    office.config.pace.attempt = std::time::Duration::from_millis(300);
    let alerter = office.open();
    collector.write([opened(1, outage(7))]);
    receiver.until(2).await;
    office.until_settled(1).await;
    alerter.close().await;
    let log = kentongan_alerts::log(&office.database(), 1).unwrap();
    assert_eq!(log[0].trouble.as_deref(), Some("no answer within 0.3 s"));
}

#[tokio::test]
async fn a_receiver_that_asks_for_a_pause_gets_it() {
    let (collector, receiver) = (Collector::start().await, Receiver::start().await);
    receiver.script([Answer::RetryAfter(429, "1800")]);
    let office = Office::new(&collector, &channel(&receiver));
    let alerter = office.open();
    collector.write([opened(1, outage(7))]);
    receiver.until(1).await;
    office.until_logged("the pause", |_| failed_attempts(&office) == 1).await;
    // Another incident has to wait, too, and a new start changes nothing: the pause is the channel's.
    collector.write([opened(2, outage(8))]);
    office.until_logged("the second incident", |log| log.len() == 2).await;
    alerter.close().await;
    let alerter = office.open();
    // What follows the entry of the cursor, and then what is new: the courier has looked meanwhile.
    collector.until_asked(2).await;
    alerter.close().await;
    assert_eq!(receiver.requests().len(), 1);

    office.clock.advance(minutes(31));
    let alerter = office.open();
    office.until_settled(2).await;
    alerter.close().await;
    assert_eq!(receiver.requests().len(), 3);
}

fn failed_attempts(office: &Office) -> u64 {
    kentongan_alerts::counters(&office.database()).unwrap().failed_attempts
}

#[tokio::test]
async fn what_the_receiver_refuses_for_good_is_given_up_and_its_end_is_not_told() {
    let (collector, receiver) = (Collector::start().await, Receiver::start().await);
    receiver.script([Answer::Body(422, json!({ "error": "unknown site" }))]);
    let office = Office::new(&collector, &channel(&receiver));
    let alerter = office.open();
    collector.write([opened(1, outage(7)), resolved(2, mended(7)), opened(3, outage(8))]);
    let log = office.until_settled(3).await;
    alerter.close().await;
    assert_eq!(
        log,
        [
            "1 opened pusat: given up: the receiver refused it for good",
            "2 resolved pusat: withheld: the message about its beginning was never delivered",
            "3 opened pusat: sent: a fault began",
        ]
    );
    let refused = kentongan_alerts::log(&office.database(), 3).unwrap().pop().unwrap();
    assert_eq!(refused.trouble.as_deref(), Some(r#"the receiver answered 422: {"error":"unknown site"}"#));
}

#[tokio::test]
async fn a_message_that_fails_for_a_day_is_given_up() {
    let (collector, receiver) = (Collector::start().await, Receiver::start().await);
    receiver.always(Answer::Status(500));
    let office = Office::new(&collector, &channel(&receiver));
    let alerter = office.open();
    collector.write([opened(1, outage(7))]);
    receiver.until(2).await;
    office.advance_to(morning() + minutes(26 * 60));
    let log = office.until_settled(1).await;
    alerter.close().await;
    assert_eq!(log, ["1 opened pusat: given up: it could not be delivered in time"]);
    assert_eq!(kentongan_alerts::counters(&office.database()).unwrap().given_up, 1);
}

#[tokio::test]
async fn the_snippet_in_the_docs_tells_true_messages_from_false_and_old_ones() {
    let (collector, receiver) = (Collector::start().await, Receiver::start().await);
    let office = Office::new(&collector, &channel(&receiver));
    let alerter = office.open();
    collector.write([opened(1, outage(7))]);
    let request = receiver.until(1).await.remove(0);
    alerter.close().await;

    let snippet = crate::documentation::blocks("python").remove(0);
    let script = office.folder().join("periksa.py");
    let headers = json!({
        "X-Kentongan-Timestamp": request.header("X-Kentongan-Timestamp"),
        "X-Kentongan-Signature": request.header("X-Kentongan-Signature"),
    });
    let body = String::from_utf8(request.body.to_vec()).unwrap();
    let sent: i64 = request.header("X-Kentongan-Timestamp").parse().unwrap();
    let mut file = std::fs::File::create(&script).unwrap();
    writeln!(file, "{snippet}").unwrap();
    writeln!(file, "headers, body = {headers}, {}.encode()", serde_json::to_string(&body).unwrap()).unwrap();
    writeln!(file, "assert is_genuine(b'kunci', headers, body, now={sent} + 10)").unwrap();
    writeln!(file, "assert not is_genuine(b'kunci', headers, body + b' ', now={sent} + 10)").unwrap();
    writeln!(file, "assert not is_genuine(b'salah', headers, body, now={sent} + 10)").unwrap();
    writeln!(file, "assert not is_genuine(b'kunci', headers, body, now={sent} + 3600)").unwrap();
    let done = tokio::process::Command::new("python3").arg(&script).output().await.unwrap();
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
}

#[tokio::test]
async fn a_test_message_arrives_signed_and_a_refusal_is_told() {
    let (collector, receiver) = (Collector::start().await, Receiver::start().await);
    let office = Office::new(&collector, &channel(&receiver));
    let name = "pusat".parse().unwrap();
    kentongan_alerts::test(&office.config, &name, &office.clock).await.unwrap();
    let request = receiver.until(1).await.remove(0);
    assert!(is_signed(&request, "kunci"));
    assert_eq!(request.json()["type"], "test");
    assert!(request.json()["incident"].is_null());

    receiver.script([Answer::Status(401)]);
    let refused = kentongan_alerts::test(&office.config, &name, &office.clock).await.unwrap_err();
    assert_eq!(refused.to_string(), "the test message did not arrive; pusat: the receiver answered 401");
    let unknown = kentongan_alerts::test(&office.config, &"grup".parse().unwrap(), &office.clock).await;
    assert_eq!(unknown.unwrap_err().to_string(), "no channel is called 'grup'; the configuration has pusat");
}
