//! What real devices are like: old versions, missing columns, interfaces that move.

use kentongan_model::plan::Access;

use super::{
    super::{
        SnmpError,
        columns::{Column, SYS_UP_TIME},
        device::Reading,
    },
    NOW, device,
    fake::{Fake, GET_BULK, Value, counter32, counter64, gauge, integer, text, ticks},
    v2c,
};

/// A device with interfaces 1 to `count`, `ether1` and on, each with an alias.
pub(super) fn router(count: u8) -> Vec<(Vec<u8>, Value)> {
    let mut objects = vec![(SYS_UP_TIME.to_vec(), ticks(5_000))];
    for index in 1..=count {
        let at = |column: Column| column.at(u32::from(index));
        let number = u32::from(index);
        objects.extend([
            (at(Column::Name), text(&format!("ether{index}"))),
            (at(Column::Alias), text(&format!("ke desa {index}"))),
            (at(Column::OperStatus), integer(1 + index % 2)),
            (at(Column::HighSpeed), gauge(1_000)),
            (at(Column::Speed), gauge(100_000_000)),
        ]);
        objects.extend((0..4).map(|place| (at(Column::Counter(place)), counter64(1 << 40 | number as u64))));
        objects.extend((4..8).map(|place| (at(Column::Counter(place)), counter32(number))));
        objects.extend((0..4).map(|place| (at(Column::Narrow(place)), counter32(7))));
    }
    objects
}

fn links(reading: &Reading) -> Vec<u16> {
    reading.interfaces.iter().map(|interface| interface.link).collect()
}

#[tokio::test]
async fn a_poll_reads_the_named_links_walks_in_tens_and_is_one_request_from_then_on() {
    let fake = Fake::start(router(25)).await;
    let mut device = device(fake.port, v2c("public"), &["ether3", "ke desa 20"]);
    let reading = device.poll(NOW).await.unwrap();
    assert_eq!((reading.uptime_cs, links(&reading)), (Some(5_000), vec![0, 1]));
    let first = &reading.interfaces[0];
    assert_eq!((first.name.as_deref(), first.alias.as_deref()), (Some("ether3"), Some("ke desa 3")));
    assert_eq!((first.oper_status, first.high_speed_mbps), (Some(2), Some(1_000)));
    let wide = Some(1 << 40 | 3);
    assert_eq!(first.counters, [wide, wide, wide, wide, Some(3), Some(3), Some(3), Some(3)]);
    let asked = fake.questions();
    let walks: Vec<_> = asked.iter().filter(|question| question.kind == GET_BULK).collect();
    assert_eq!((walks.len(), asked.len()), (3, 4));
    assert!(walks.iter().all(|question| question.oids.len() == 2 && question.repetitions == 10));

    let again = device.poll(NOW).await.unwrap();
    assert_eq!(fake.questions().len(), 1);
    assert!(again.interfaces.iter().all(|i| i.name.is_none() && i.alias.is_none()), "told what is known");
}

#[tokio::test]
async fn a_v1_device_is_read_with_its_32_bit_counters() {
    let fake = Fake::start(router(4)).await;
    for index in 1..=4 {
        fake.set(Column::HighSpeed.at(index), None);
    }
    let mut device = device(fake.port, Access::V1 { community: "public".into() }, &["ether2"]);
    let reading = device.poll(NOW).await.unwrap();
    let interface = &reading.interfaces[0];
    assert_eq!(interface.counters, [Some(7), Some(7), Some(7), Some(7), Some(2), Some(2), Some(2), Some(2)]);
    assert_eq!(interface.high_speed_mbps, Some(100));
    fake.questions();
    device.poll(NOW).await.unwrap();
    assert_eq!(fake.questions().len(), 1);
}

#[tokio::test]
async fn a_device_without_64_bit_counters_falls_back_and_one_without_any_says_so() {
    let fake = Fake::start(router(2)).await;
    for place in 0..4 {
        fake.set(Column::Counter(place).at(1), None);
        fake.set(Column::Counter(place).at(2), None);
        fake.set(Column::Narrow(place).at(2), None);
    }
    let mut device = device(fake.port, v2c("public"), &["ether1", "ether2"]);
    let reading = device.poll(NOW).await.unwrap();
    assert_eq!(reading.interfaces[0].counters[..4], [Some(7); 4]);
    assert_eq!(reading.interfaces[1].counters, [None, None, None, None, Some(2), Some(2), Some(2), Some(2)]);
}

#[tokio::test]
async fn interfaces_that_were_renumbered_or_a_reboot_are_walked_again_in_the_same_poll() {
    let fake = Fake::start(router(3)).await;
    let mut device = device(fake.port, v2c("public"), &["uplink"]);
    fake.set(Column::Alias.at(1), Some(text("uplink")));
    assert_eq!(device.poll(NOW).await.unwrap().interfaces[0].counters[4], Some(1));

    fake.set(Column::Alias.at(1), Some(text("ke desa 1")));
    fake.set(Column::Alias.at(3), Some(text("uplink")));
    assert_eq!(device.poll(NOW).await.unwrap().interfaces[0].counters[4], Some(3));

    // After a reboot a second interface has the name.
    fake.set(Column::Alias.at(2), Some(text("uplink")));
    assert_eq!(device.poll(NOW).await.unwrap().interfaces.len(), 1);
    fake.set(SYS_UP_TIME.to_vec(), Some(ticks(10)));
    let reading = device.poll(NOW).await.unwrap();
    assert_eq!((reading.uptime_cs, reading.interfaces.len()), (Some(10), 2));

    // An interface that has gone is left out.
    for column in [Column::Name, Column::Alias] {
        fake.set(column.at(3), None);
    }
    assert_eq!(links(&device.poll(NOW).await.unwrap()), [0]);
}

#[tokio::test]
async fn a_device_whose_answers_must_be_short_is_asked_for_less_at_once() {
    let fake = Fake::start(router(6)).await;
    fake.behave(|question, honest| {
        vec![if question.oids.len() > 14 { question.reply(1, 0, &[]) } else { honest }]
    });
    let names = ["ether1", "ether2", "ether3", "ether4", "ether5"];
    let mut device = device(fake.port, v2c("public"), &names);
    assert_eq!(device.poll(NOW).await.unwrap().interfaces.len(), 5);
    fake.questions();
    device.poll(NOW).await.unwrap();
    assert_eq!(fake.questions().len(), 5);
}

#[tokio::test]
async fn a_silent_device_is_asked_three_times_and_then_once_until_it_answers() {
    let fake = Fake::start(router(1)).await;
    fake.behave(|_, _| vec![]);
    let mut device = device(fake.port, v2c("public"), &[]);
    assert!(matches!(device.poll(NOW).await, Err(SnmpError::Timeout)));
    assert_eq!(fake.questions().len(), 3);
    device.is_silent = true;
    assert!(matches!(device.poll(NOW).await, Err(SnmpError::Timeout)));
    assert_eq!(fake.questions().len(), 1);
    fake.behave_well();
    assert_eq!(device.poll(NOW).await.unwrap().uptime_cs, Some(5_000));
}
