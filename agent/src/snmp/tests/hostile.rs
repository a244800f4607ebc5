//! A device that lies: no reply makes the agent panic, hang, grow or believe it.

use std::{
    sync::{Arc, mpsc},
    time::Duration,
};

use kentongan_model::profile::Profile;

use super::{
    super::{
        SnmpError,
        client::Client,
        columns::{Column, SYS_UP_TIME},
        exchange::{Exchange, Patience},
        links,
        survey::survey,
    },
    NOW, PATIENCE, device,
    fake::{Fake, GET_BULK, Question, ber, text, ticks},
    quirks::router,
    v2c,
};

#[tokio::test]
async fn a_late_reply_finds_nobody_and_the_next_reading_is_right() {
    let fake = Fake::start(router(2)).await;
    let exchange = Arc::new(Exchange::default());
    let address = ([127, 0, 0, 1], fake.port).into();
    let mut client = Client::new(Arc::clone(&exchange), address, &v2c("public"), PATIENCE);

    // Each question is answered with the reply to the one before.
    let mut last = None;
    fake.behave(move |_, honest| last.replace(honest).into_iter().collect());
    for uptime in 0..3 {
        fake.set(SYS_UP_TIME.to_vec(), Some(ticks(uptime)));
        // The question is sent three times, and the second brings the reply to the first: to itself.
        let answer = client.get(&[SYS_UP_TIME]).await.unwrap();
        assert_eq!(answer.objects().next().unwrap().1.as_u32(), Some(uptime));
    }
    assert!(exchange.unexpected() >= 2, "the replies to the questions before");
}

#[tokio::test]
async fn a_reply_that_comes_twice_is_not_taken_for_the_next_one() {
    let fake = Fake::start(router(2)).await;
    fake.behave(|_, honest| vec![honest.clone(), honest]);
    let mut device = device(fake.port, v2c("public"), &[]);
    for uptime in [5_000, 6_000, 7_000] {
        fake.set(SYS_UP_TIME.to_vec(), Some(ticks(uptime)));
        assert_eq!(device.poll(NOW).await.unwrap().uptime_cs, Some(uptime));
    }
}

#[tokio::test]
async fn replies_that_are_cut_or_say_other_things_are_no_readings() {
    let fake = Fake::start(router(3)).await;
    type Lie = fn(&Question, Vec<u8>) -> Vec<u8>;
    let lies: [(&str, Lie); 8] = [
        ("cut in the middle", |_, honest| honest[..honest.len() / 2].to_vec()),
        ("nothing at all", |_, _| Vec::new()),
        ("no objects", |question, _| question.reply(0, 0, &[])),
        ("a broken object in the middle", |question, _| {
            let good = ber(0x30, &[ber(0x06, SYS_UP_TIME), ber(0x43, &[1])].concat());
            let broken = ber(0x30, &[0x06, 0x05, 0x2b]);
            question.reply_with(0, 0, &[good, broken].concat())
        }),
        ("other objects", |question, _| {
            let lies: Vec<_> = question.oids.iter().map(|_| (vec![0x2b, 9], text("x"))).collect();
            question.reply(0, 0, &lies)
        }),
        ("an error without a place", |question, _| question.reply(5, 0, &[])),
        ("an error at a place that is not there", |question, _| question.reply(5, 200, &[])),
        ("a length that is not there", |_, _| vec![0x30, 0x84, 0x7f, 0xff, 0xff, 0xff, 0x02, 0x01]),
    ];
    for (lie, make) in lies {
        fake.behave(move |question, honest| vec![make(question, honest)]);
        let told = device(fake.port, v2c("public"), &["ether1"]).poll(NOW).await;
        assert!(told.is_err(), "{lie}: {told:?}");
    }
}

async fn walk(fake: &Fake) -> Result<usize, SnmpError> {
    let address = ([127, 0, 0, 1], fake.port).into();
    let mut client = Client::new(Arc::default(), address, &v2c("public"), PATIENCE);
    links::find(&mut client, &["uplink".to_owned()]).await.map(|found| found.len())
}

#[tokio::test]
async fn a_walk_that_loops_is_given_up_and_one_without_an_end_is_cut() {
    let fake = Fake::start([]).await;
    fake.behave(|question, _| {
        let row: Vec<_> = [3, 4, 3, 4].map(|index| (Column::Name.at(index), text("x"))).into();
        vec![question.reply(0, 0, &row)]
    });
    assert!(matches!(walk(&fake).await, Err(SnmpError::Backwards)));

    let mut index = 0;
    fake.behave(move |question, _| {
        let mut rows = Vec::new();
        for _ in 0..question.repetitions {
            index += 1;
            rows.extend([(Column::Name.at(index), text("x")), (Column::Alias.at(index), text("uplink"))]);
        }
        vec![question.reply(0, 0, &rows)]
    });
    assert_eq!(walk(&fake).await.unwrap(), 4, "more matches than are read of one link");
    let asked = fake.questions().iter().filter(|question| question.kind == GET_BULK).count();
    assert!((400..=420).contains(&asked), "{asked} requests");
}

#[tokio::test]
async fn a_reply_of_64_kilobytes_is_cut_down_or_refused() {
    let fake = Fake::start(router(1)).await;
    fake.set(Column::Alias.at(1), Some(text(&"panjang ".repeat(3_000))));
    let mut device = device(fake.port, v2c("public"), &["ether1"]);
    let reading = device.poll(NOW).await.unwrap();
    assert_eq!(reading.interfaces[0].alias.as_ref().unwrap().len(), 255);

    fake.behave(|question, _| vec![question.reply(0, 0, &vec![(SYS_UP_TIME.to_vec(), text("x")); 3_000])]);
    assert!(device.poll(NOW).await.is_err());
}

#[tokio::test]
async fn an_index_longer_than_any_is_refused_before_it_is_kept() {
    let fake = Fake::start([]).await;
    for (arcs, bytes, is_taken) in [(128, 0, true), (129, 0, false), (3, 60_000, false)] {
        fake.behave(move |question, _| {
            let mut oid = Column::Name.oid();
            // Numbers of one byte each, and one that many bytes of nothing make long.
            oid.extend(vec![0x80; bytes]);
            oid.extend(vec![1; arcs - 1 - oid.len().min(arcs - 1)]);
            vec![question.reply(0, 0, &[(oid, text("x")), (Column::Alias.at(1), text("x"))])]
        });
        let told = walk(&fake).await;
        let is_malformed = matches!(told, Err(SnmpError::Malformed(_)));
        assert_eq!(!is_malformed, is_taken, "{arcs} numbers, {bytes} bytes: {told:?}");
    }
}

/// A profile that takes all of ifTable for gauges, named by each other.
const EVERYTHING: &str = "
name = 'everything'
[[table]]
oid = '1.3.6.1.2.1.2.2.1'
place = '{interface} {column 2} {index} {text} {at 1.3.6.1.2.1.31.1.1.1.18}'
gauge = [
    { kind = 'clients', column = 14 },
    { kind = 'rx_dbm', column = 8, power = 'mW', precision = 14, prefix = 20, unless_as = { column = 5, times = 0.01 } },
    { kind = 'clients', each = 1, begins = 'x', when = [{ column = 8, is = [1] }] },
]
";

/// Numbers that look random and are the same each time.
fn noise(seed: &mut u64) -> usize {
    *seed ^= *seed << 13;
    *seed ^= *seed >> 7;
    *seed ^= *seed << 17;
    (*seed >> 11) as usize
}

#[tokio::test]
async fn thousands_of_mutated_replies_neither_panic_nor_hang() {
    let fake = Fake::start(router(2)).await;
    let (mutated, count) = mpsc::channel();
    let mut seed = 0x9e37_79b9_7f4a_7c15;
    fake.behave(move |_, mut honest| {
        for _ in 0..=noise(&mut seed) % 3 {
            let at = noise(&mut seed) % honest.len();
            match noise(&mut seed) % 4 {
                0 => honest[at] = noise(&mut seed) as u8,
                1 => honest[at] ^= 1 << (noise(&mut seed) % 8),
                2 => honest.truncate(at.max(1)),
                _ => honest.insert(at, noise(&mut seed) as u8),
            }
        }
        let _ = mutated.send(());
        vec![honest]
    });
    let profiles = [toml::from_str::<Profile>(EVERYTHING).unwrap()];
    let patience = Patience { tries: 1, wait: Duration::from_millis(20) };
    let address = ([127, 0, 0, 1], fake.port).into();
    let polls = async {
        for _ in 0..600 {
            // Whatever it says: it returns. A panic would come through.
            let _ = survey(Arc::default(), address, &v2c("public"), &profiles, patience, NOW).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(60), polls).await.expect("a reply hangs the poll");
    assert!(count.try_iter().count() >= 600);
}
