//! What the wire promises: a batch comes out as it went in, but for the order of a round's RTTs, and no bytes whatever
//! can do harm.

use kentongan_model::{
    id::Vantage,
    plan::PlanRevision,
    time::{BootId, Stamp, Timestamp},
    wire::{
        Batch, Delivery, DeviceReading, InterfaceReading, MAX_ROUNDS, MAX_RTTS, MAX_TEXT, MeasuredRound,
        WireError, split,
    },
};
use proptest::{collection::vec, option, prelude::*};

fn stamps() -> impl Strategy<Value = Stamp> {
    let wall = Timestamp::MIN.as_millis()..=Timestamp::MAX.as_millis();
    (any::<u32>(), any::<u64>(), wall).prop_map(|(boot, mono_ms, wall)| Stamp {
        boot: BootId(boot),
        mono_ms,
        wall: Timestamp::from_millis(wall),
    })
}

/// Rounds as they come: a few targets over and over, mostly quick answers.
fn lifelike_rounds() -> impl Strategy<Value = Vec<MeasuredRound>> {
    let round = (0..6u16, 0..5u64, vec(3_000..20_000u32, 0..=5));
    vec(round, 0..80).prop_map(|rounds| {
        let mut mono_ms = 1_000_000;
        let next = |(target, jitter, rtts_us): (u16, u64, Vec<u32>)| {
            mono_ms += 137 + jitter;
            MeasuredRound { target, mono_ms, sent: 5, rtts_us }
        };
        rounds.into_iter().map(next).collect()
    })
}

/// Rounds as nobody expects them.
fn wild_rounds() -> impl Strategy<Value = Vec<MeasuredRound>> {
    let rtt = prop_oneof![any::<u32>(), Just(u32::MAX), Just(0), 0..100u32];
    let time = prop_oneof![any::<u64>(), Just(u64::MAX), Just(0), 1_000..2_000u64];
    let round = (any::<u16>(), time, any::<u16>(), vec(rtt, 0..40));
    vec(round, 0..30).prop_map(|rounds| {
        let whole = |(target, mono_ms, spare, rtts_us): (u16, u64, u16, Vec<u32>)| {
            let sent = spare.max(rtts_us.len() as u16).max(1);
            MeasuredRound { target, mono_ms, sent, rtts_us }
        };
        rounds.into_iter().map(whole).collect()
    })
}

fn interfaces() -> impl Strategy<Value = InterfaceReading> {
    let counter = prop_oneof![any::<u64>(), Just(u64::MAX), Just(0), 0..1_000_000u64];
    let texts = (option::of(".{0,60}"), option::of("[a-z/0-9]{0,255}"));
    let states = (option::of(any::<u8>()), option::of(any::<u32>()));
    (any::<u16>(), texts, states, prop::array::uniform8(option::of(counter))).prop_map(
        |(link, (name, alias), (oper_status, high_speed_mbps), counters)| InterfaceReading {
            link,
            name,
            alias,
            oper_status,
            high_speed_mbps,
            counters,
        },
    )
}

fn readings() -> impl Strategy<Value = Vec<DeviceReading>> {
    let reading = (any::<u16>(), any::<u64>(), option::of(any::<u32>()), vec(interfaces(), 0..5));
    vec(reading, 0..6).prop_map(|readings| {
        let whole = |(device, mono_ms, uptime_cs, interfaces)| DeviceReading {
            device,
            mono_ms,
            uptime_cs,
            interfaces,
        };
        readings.into_iter().map(whole).collect()
    })
}

fn vantages() -> impl Strategy<Value = Vantage> {
    "[a-z0-9][a-z0-9._-]{0,62}".prop_map(|id| id.parse().unwrap_or(Vantage::Core))
}

fn batches() -> impl Strategy<Value = Batch> {
    let names = (vantages(), any::<u32>(), any::<u64>(), any::<u64>(), any::<u64>());
    let rounds = prop_oneof![lifelike_rounds(), wild_rounds()];
    (names, stamps(), rounds, readings()).prop_map(
        |((agent, series, sequence, plan, dropped_rounds), sealed, rounds, readings)| Batch {
            agent,
            series,
            sequence,
            sealed,
            plan: PlanRevision(plan),
            dropped_rounds,
            rounds,
            readings,
            gauges: Vec::new(),
            traces: Vec::new(),
        },
    )
}

/// The batch with each round's RTTs in ascending order, as they come out.
fn ascending(mut batch: Batch) -> Batch {
    batch.rounds.iter_mut().for_each(|round| round.rtts_us.sort_unstable());
    batch
}

fn empty() -> Batch {
    let wall = "2026-11-01T00:00:30.000Z".parse().unwrap();
    Batch {
        agent: "kec-kutasari".parse().unwrap(),
        series: 0x0123_4567,
        sequence: 2880,
        sealed: Stamp { boot: BootId(0xfedc_ba98), mono_ms: 86_430_000, wall },
        plan: PlanRevision(0x0f1e_2d3c_4b5a_6978),
        dropped_rounds: 0,
        rounds: vec![],
        readings: vec![],
        gauges: Vec::new(),
        traces: Vec::new(),
    }
}

proptest! {
    #[test]
    fn what_was_sealed_opens_to_itself(batch in batches()) {
        prop_assert_eq!(Batch::open(&batch.seal().unwrap()), Ok(ascending(batch)));
    }

    #[test]
    fn the_order_of_the_answers_within_a_round_leaves_no_trace(batch in batches()) {
        prop_assert_eq!(ascending(batch.clone()).seal(), batch.seal());
    }

    #[test]
    fn a_delivery_tells_when_it_was_sent(batch in batches(), other in stamps(), same_boot: bool) {
        let sealed = batch.seal().unwrap();
        let boot = if same_boot { batch.sealed.boot } else { other.boot };
        let sent = Stamp { boot, ..other };
        let bytes = Delivery::wrap(&sent, &sealed);
        prop_assert_eq!(split(&bytes), Ok((sent, &sealed[..])));
        prop_assert_eq!(Delivery::decode(&bytes), Ok(Delivery { sent, batch: ascending(batch) }));
    }

    #[test]
    fn no_bytes_make_it_panic(bytes in vec(any::<u8>(), 0..400)) {
        let _ = Batch::open(&bytes);
        let _ = Delivery::decode(&bytes);
        let _ = split(&bytes);
        let _ = split(&Delivery::wrap(&empty().sealed, &bytes));
    }

    /// The checksum keeps random bytes out of the columns; here it is right.
    #[test]
    fn no_bytes_make_it_panic_even_under_a_right_checksum(content in vec(any::<u8>(), 0..400)) {
        let mut bytes = empty().seal().unwrap();
        bytes.truncate(bytes.len() - 6);
        bytes.extend_from_slice(&content);
        bytes.extend_from_slice(&crc32fast::hash(&bytes).to_le_bytes());
        let _ = Batch::open(&bytes);
    }

    #[test]
    fn what_was_forged_opens_to_something_possible_or_not_at_all(
        batch in batches(), places in vec((any::<prop::sample::Index>(), any::<u8>()), 1..4)
    ) {
        let mut sealed = batch.seal().unwrap();
        sealed.truncate(sealed.len() - 4);
        for (place, byte) in places {
            let place = place.index(sealed.len());
            sealed[place] = byte;
        }
        sealed.extend_from_slice(&crc32fast::hash(&sealed).to_le_bytes());
        if let Ok(forged) = Batch::open(&sealed) {
            let possible = |round: &MeasuredRound| round.sent > 0 && round.rtts_us.len() <= usize::from(round.sent);
            prop_assert!(forged.rounds.iter().all(|round| possible(round) && round.rtts_us.is_sorted()));
            let too_long = |error| matches!(error, WireError::TooMuch { what: "bytes of a batch", .. });
            let resealed = forged.seal();
            prop_assert!(resealed.is_ok() || resealed.is_err_and(too_long));
        }
    }

    #[test]
    fn a_damaged_byte_is_noticed(batch in batches(), place: prop::sample::Index, flip in 1..=255u8) {
        let mut sealed = batch.seal().unwrap();
        let place = place.index(sealed.len());
        sealed[place] ^= flip;
        prop_assert!(Batch::open(&sealed).is_err());
    }

    #[test]
    fn a_cut_or_lengthened_batch_is_noticed(batch in batches(), length: prop::sample::Index, more in vec(any::<u8>(), 1..9)) {
        let mut sealed = batch.seal().unwrap();
        let length = length.index(sealed.len());
        prop_assert!(Batch::open(&sealed[..length]).is_err());
        sealed.extend_from_slice(&more);
        prop_assert!(Batch::open(&sealed).is_err());
    }
}

#[test]
fn what_is_over_a_limit_is_not_sealed() {
    let round = MeasuredRound { target: 0, mono_ms: 0, sent: 9, rtts_us: vec![1; 9] };
    let too_much = |batch: Batch| match batch.seal() {
        Err(WireError::TooMuch { what, .. }) => what,
        other => panic!("{other:?}"),
    };
    assert_eq!(too_much(Batch { rounds: vec![round.clone(); MAX_ROUNDS + 1], ..empty() }), "rounds");
    assert_eq!(too_much(Batch { rounds: vec![round.clone(); MAX_RTTS / 9 + 1], ..empty() }), "RTTs");
    let name = Some("x".repeat(MAX_TEXT + 1));
    let interfaces = vec![InterfaceReading { name, ..InterfaceReading::default() }];
    let reading = DeviceReading { device: 0, mono_ms: 0, uptime_cs: None, interfaces };
    assert_eq!(too_much(Batch { readings: vec![reading], ..empty() }), "bytes of an interface's name");
    for impossible in
        [MeasuredRound { sent: 0, rtts_us: vec![], ..round.clone() }, MeasuredRound { sent: 8, ..round }]
    {
        let refused = Batch { rounds: vec![impossible], ..empty() }.seal();
        assert_eq!(refused, Err(WireError::Malformed("the probes of a round")));
    }
}

#[test]
fn a_full_batch_of_steady_rounds_can_be_opened() {
    let rounds = (0..MAX_ROUNDS as u64)
        .map(|n| MeasuredRound {
            target: (n % 50) as u16,
            mono_ms: n * 100,
            sent: 5,
            rtts_us: vec![4_000; 5],
        })
        .collect();
    let batch = Batch { rounds, ..empty() };
    assert_eq!(Batch::open(&batch.seal().unwrap()), Ok(batch));
}

/// More probes than are coded at once, and RTTs all over.
#[test]
fn a_round_may_have_as_many_probes_as_can_be_counted() {
    let rtts_us: Vec<u32> = (0..u32::from(u16::MAX)).map(|n| n.wrapping_mul(n).wrapping_mul(n)).collect();
    let round = MeasuredRound { target: 0, mono_ms: 0, sent: u16::MAX, rtts_us };
    let batch = Batch { rounds: vec![round], ..empty() };
    assert_eq!(Batch::open(&batch.seal().unwrap()), Ok(ascending(batch)));
}

#[test]
fn the_bytes_tell_what_is_wrong_with_them() {
    let sealed = empty().seal().unwrap();
    let mut newer = sealed.clone();
    newer[0] = 0x20;
    assert_eq!(Batch::open(&newer), Err(WireError::Format(0x20)));
    assert_eq!(Batch::open(&[]), Err(WireError::Truncated("the format")));
    assert_eq!(Batch::open(&sealed[..sealed.len() - 1]), Err(WireError::Checksum));
    assert_eq!(split(&sealed), Err(WireError::Format(0x10)));

    let coded = &sealed[..sealed.len() - 4];
    let forged = |coded: &[u8]| Batch::open(&[coded, &crc32fast::hash(coded).to_le_bytes()].concat());
    assert_eq!(forged(coded), Ok(empty()));
    assert_eq!(forged(&[coded, &[0; 3]].concat()), Err(WireError::Trailing(3)));
    assert_eq!(forged(&coded[..coded.len() - 2]), Err(WireError::Truncated("the measurements")));
}
