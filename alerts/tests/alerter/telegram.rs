//! Telegram: what the Bot API is asked, the pause that it asks for, and that the token is never shown.

use serde_json::json;

use crate::{
    peers::{Answer, Collector, Office, Receiver},
    tale::{minutes, opened, outage},
};

fn channel(receiver: &Receiver) -> String {
    format!(
        "[[channel]]\nkind = \"telegram\"\nname = \"grup\"\ntoken = RAHASIA\nchat_id = -1001234\nbase_url = \"{}\"\n",
        receiver.base_url()
    )
}

#[tokio::test]
async fn the_bot_sends_plain_text_to_the_chat() {
    let (collector, receiver) = (Collector::start().await, Receiver::start().await);
    receiver.always(Answer::Body(200, json!({ "ok": true })));
    let office = Office::new(&collector, &channel(&receiver));
    let alerter = office.open();
    let mut tricky = outage(7);
    tricky.root.name = "Desa *Karang_cegak* <b>&".to_owned();
    collector.write([opened(1, tricky)]);
    let request = receiver.until(1).await.remove(0);
    office.until_settled(1).await;
    alerter.close().await;

    assert_eq!(request.path, "/api/botkunci/sendMessage");
    insta::assert_json_snapshot!(request.json());
}

#[tokio::test]
async fn a_bot_that_is_told_to_slow_down_waits_as_long_as_it_was_told() {
    let (collector, receiver) = (Collector::start().await, Receiver::start().await);
    receiver.script([Answer::Body(
        429,
        json!({
            "ok": false,
            "error_code": 429,
            "description": "Too Many Requests: retry after 900",
            "parameters": { "retry_after": 900 },
        }),
    )]);
    let office = Office::new(&collector, &channel(&receiver));
    let alerter = office.open();
    collector.write([opened(1, outage(7))]);
    receiver.until(1).await;
    let trouble = || kentongan_alerts::log(&office.database(), 1).unwrap().remove(0).trouble;
    office.until_logged("the pause", |log| !log.is_empty() && trouble().is_some()).await;
    alerter.close().await;
    let said = "the receiver answered 429: Too Many Requests: retry after 900";
    assert_eq!(trouble().as_deref(), Some(said));
    assert_eq!(receiver.requests().len(), 1);

    office.clock.advance(minutes(16));
    let alerter = office.open();
    office.until_settled(1).await;
    alerter.close().await;
    assert_eq!(receiver.requests().len(), 2);
}

#[tokio::test]
async fn a_group_that_became_a_supergroup_is_told_with_its_new_number_and_a_dead_api_without_the_token() {
    let (collector, receiver) = (Collector::start().await, Receiver::start().await);
    receiver.script([Answer::Body(
        400,
        json!({
            "ok": false,
            "description": "Bad Request: group chat was upgraded to a supergroup chat",
            "parameters": { "migrate_to_chat_id": -100_777 },
        }),
    )]);
    let mut office = Office::new(&collector, &channel(&receiver));
    let name = "grup".parse().unwrap();
    let moved = kentongan_alerts::test(&office.config, &name, &office.clock).await.unwrap_err().to_string();
    assert!(moved.ends_with("put chat_id = -100777 into the configuration"), "{moved}");

    let closed = "[[channel]]\nkind = \"telegram\"\nname = \"grup\"\ntoken = { file = \"FILE\" }\nchat_id = \"@a\"\nbase_url = \"http://127.0.0.1:9\"\n"
        .replace("FILE", &office.folder().join("rahasia").display().to_string());
    office.config.channels = crate::peers::read_channels(&closed);
    let dead = kentongan_alerts::test(&office.config, &name, &office.clock).await.unwrap_err().to_string();
    assert!(dead.contains("error sending request") && !dead.contains("kunci"), "{dead}");
}
