//! What the wire promises: a batch comes out as it went in, but for the order of a round's RTTs, and no bytes whatever
//! can do harm.

use kentongan_model::{
    gauge::GaugeKind,
    id::Vantage,
    plan::PlanRevision,
    time::{BootId, Stamp, Timestamp},
    wire::{
        BaseTag, Batch, Delivery, DeviceReading, Gauge, GaugeReading, Hop, InterfaceReading, Label,
        MAX_GAUGES, MAX_HOPS, MAX_ROUNDS, MAX_RTTS, MAX_TEXT, MAX_TRACES, MeasuredRound, Trace, WireError,
        split,
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

fn gauges() -> impl Strategy<Value = Vec<GaugeReading>> {
    let label = (prop::sample::select(&GaugeKind::ALL[..]), ".{0,40}");
    let label = option::weighted(0.2, label.prop_map(|(kind, place)| Label { kind, place }));
    let value = prop_oneof![any::<i64>(), -30_000..30_000i64];
    let gauge = (prop_oneof![any::<u16>(), 0..9u16], label, value);
    let gauge = gauge.prop_map(|(number, label, value)| Gauge { number, label, value });
    let reading = (option::of(any::<u16>()), any::<u64>(), vec(gauge, 0..9));
    let reading = reading.prop_map(|(device, mono_ms, gauges)| GaugeReading { device, mono_ms, gauges });
    vec(reading, 0..5)
}

fn traces() -> impl Strategy<Value = Vec<Trace>> {
    let hop = (option::of(any::<std::net::IpAddr>()), any::<u32>());
    let hop = hop.prop_map(|(address, rtt_us)| Hop { address, rtt_us: address.map_or(0, |_| rtt_us) });
    let trace = (any::<u16>(), any::<u64>(), any::<bool>(), vec(hop, 0..9));
    let trace = trace.prop_map(|(target, mono_ms, reached, hops)| Trace { target, mono_ms, reached, hops });
    vec(trace, 0..3)
}

fn vantages() -> impl Strategy<Value = Vantage> {
    "[a-z0-9][a-z0-9._-]{0,62}".prop_map(|id| id.parse().unwrap_or(Vantage::Core))
}

fn batches() -> impl Strategy<Value = Batch> {
    let names = (vantages(), any::<u32>(), any::<u64>(), any::<u64>(), any::<u64>());
    let rounds = prop_oneof![lifelike_rounds(), wild_rounds()];
    (names, stamps(), rounds, readings(), gauges(), traces()).prop_map(
        |((agent, series, sequence, plan, dropped_rounds), sealed, rounds, readings, gauges, traces)| Batch {
            agent,
            series,
            sequence,
            sealed,
            plan: PlanRevision(plan),
            dropped_rounds,
            rounds,
            readings,
            gauges,
            traces,
        },
    )
}

/// A batch and one that it leans on: of one series and close together, or two that have nothing in common.
fn pairs() -> impl Strategy<Value = (Batch, Batch)> {
    (batches(), batches(), any::<bool>(), 0..40_000u64).prop_map(|(batch, mut base, kin, earlier_ms)| {
        if kin {
            base.agent = batch.agent.clone();
            (base.series, base.plan) = (batch.series, batch.plan);
            (base.sequence, base.sealed) = (batch.sequence.wrapping_sub(1), batch.sealed);
            base.sealed.mono_ms = batch.sealed.mono_ms.wrapping_sub(earlier_ms);
        }
        (batch, base)
    })
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
    fn what_leans_on_another_opens_to_itself((batch, base) in pairs()) {
        let leaning = batch.seal_on(&base).unwrap();
        prop_assert_eq!(Batch::open_on(&leaning, &base), Ok(ascending(batch.clone())));
        prop_assert_eq!(batch.seal_on(&ascending(base)), Ok(leaning));
        prop_assert_eq!(ascending(batch.clone()).seal_on(&batch), batch.seal_on(&batch));
    }

    #[test]
    fn another_base_than_the_one_it_leans_on_is_noticed((batch, base) in pairs(), step in 1..1_000u64, place: prop::sample::Index) {
        let leaning = batch.seal_on(&base).unwrap();
        let mut others = vec![Batch { sequence: base.sequence.wrapping_add(step), ..base.clone() }];
        others.push(Batch { series: base.series.wrapping_add(1), ..base.clone() });
        if !base.rounds.is_empty() {
            let mut other = base.clone();
            let round = place.index(base.rounds.len());
            other.rounds[round].mono_ms = other.rounds[round].mono_ms.wrapping_add(step);
            others.push(other);
        }
        for other in others {
            prop_assert_eq!(Batch::open_on(&leaning, &other), Err(WireError::Base));
        }
    }

    #[test]
    fn a_delivery_that_leans_names_what_it_leans_on(
        (batch, base) in pairs(), other in stamps(), same_boot: bool
    ) {
        let boot = if same_boot { batch.sealed.boot } else { other.boot };
        let sent = Stamp { boot, ..other };
        let bytes = Delivery::wrap_on(&sent, &batch, &base).unwrap();
        let mut asked = None;
        let find = |tag| { asked = Some(tag); Some(base.clone()) };
        let opened = Delivery::decode_with(&bytes, find);
        prop_assert_eq!(opened, Ok(Delivery { sent, batch: ascending(batch.clone()) }));
        prop_assert_eq!(asked, Some(BaseTag::of(base.sequence)));
        prop_assert_eq!(Delivery::decode(&bytes), Err(WireError::Base));
        prop_assert_eq!(split(&bytes), Err(WireError::Base));
        let whole = Delivery::wrap(&sent, &batch.seal().unwrap());
        let opened = Delivery::decode_with(&whole, |_| panic!("it leans on nothing"));
        prop_assert_eq!(opened, Ok(Delivery { sent, batch: ascending(batch) }));
    }

    #[test]
    fn a_damaged_byte_of_what_leans_is_noticed((batch, base) in pairs(), place: prop::sample::Index, flip in 1..=255u8) {
        let mut leaning = batch.seal_on(&base).unwrap();
        let place = place.index(leaning.len());
        leaning[place] ^= flip;
        prop_assert!(Batch::open_on(&leaning, &base).is_err());
    }

    #[test]
    fn no_bytes_make_it_panic(bytes in vec(any::<u8>(), 0..400)) {
        let _ = Batch::open(&bytes);
        let _ = Delivery::decode(&bytes);
        let _ = Delivery::decode_with(&bytes, |_| Some(empty()));
        let _ = Batch::open_on(&bytes, &empty());
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
        Err(WireError::TooMuch { what, .. }) => {
            assert_eq!(empty().seal_on(&batch), batch.seal(), "as a base");
            what
        }
        other => panic!("{other:?}"),
    };
    assert_eq!(too_much(Batch { rounds: vec![round.clone(); MAX_ROUNDS + 1], ..empty() }), "rounds");
    assert_eq!(too_much(Batch { rounds: vec![round.clone(); MAX_RTTS / 9 + 1], ..empty() }), "RTTs");
    let name = Some("x".repeat(MAX_TEXT + 1));
    let interfaces = vec![InterfaceReading { name, ..InterfaceReading::default() }];
    let reading = DeviceReading { device: 0, mono_ms: 0, uptime_cs: None, interfaces };
    assert_eq!(too_much(Batch { readings: vec![reading], ..empty() }), "bytes of a name");
    let gauge = Gauge { number: 0, label: None, value: 0 };
    let gauges = vec![gauge; MAX_GAUGES + 1];
    let gauges = vec![GaugeReading { device: None, mono_ms: 0, gauges }];
    assert_eq!(too_much(Batch { gauges, ..empty() }), "gauges");
    let trace = Trace { target: 0, mono_ms: 0, reached: false, hops: vec![] };
    assert_eq!(too_much(Batch { traces: vec![trace.clone(); MAX_TRACES + 1], ..empty() }), "traces");
    let hops = vec![Hop { address: None, rtt_us: 0 }; MAX_HOPS + 1];
    assert_eq!(too_much(Batch { traces: vec![Trace { hops, ..trace }], ..empty() }), "hops");
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
    newer[0] = 0x30;
    assert_eq!(Batch::open(&newer), Err(WireError::Format(0x30)));
    assert_eq!(Batch::open(&[]), Err(WireError::Truncated("the format")));
    assert_eq!(Batch::open(&sealed[..sealed.len() - 1]), Err(WireError::Checksum));
    assert_eq!(split(&sealed), Err(WireError::Format(0x20)));

    let coded = &sealed[..sealed.len() - 4];
    let forged = |coded: &[u8]| Batch::open(&[coded, &crc32fast::hash(coded).to_le_bytes()].concat());
    assert_eq!(forged(coded), Ok(empty()));
    assert_eq!(forged(&[coded, &[0; 3]].concat()), Err(WireError::Trailing(3)));
    assert_eq!(forged(&coded[..coded.len() - 2]), Err(WireError::Truncated("the measurements")));
}

/// The standard deviation as the metric store is given it, but for the last rounding.
fn jitter_us(rtts_us: &[u32]) -> f64 {
    let count = rtts_us.len() as f64;
    let mean = rtts_us.iter().map(|&us| f64::from(us)).sum::<f64>() / count;
    (rtts_us.iter().map(|&us| (f64::from(us) - mean).powi(2)).sum::<f64>() / count).sqrt()
}

proptest! {
    #[test]
    fn thin_changes_rtts_by_a_hundredth_and_jitter_by_a_twentieth_at_most_and_nothing_else(batch in batches()) {
        let mut thin = batch.clone();
        thin.thin();
        for (was, is) in batch.rounds.iter().zip(&thin.rounds) {
            prop_assert_eq!(was.rtts_us.len(), is.rtts_us.len());
            for (&was, &is) in was.rtts_us.iter().zip(&is.rtts_us) {
                prop_assert!(u64::from(was.abs_diff(is)) * 100 <= u64::from(was), "{was} {is}");
            }
            let (was, is) = (jitter_us(&was.rtts_us), jitter_us(&is.rtts_us));
            prop_assert!(was.is_nan() || (is - was).abs() <= was * 0.050_000_1 + 1e-5, "jitter {was} {is}");
        }
        let mut twice = thin.clone();
        twice.thin();
        prop_assert_eq!(&twice, &thin, "done twice");
        let sealed = thin.seal().unwrap();
        prop_assert_eq!(Batch::open(&sealed).unwrap().seal(), Ok(sealed));
        for (round, was) in thin.rounds.iter_mut().zip(&batch.rounds) {
            round.rtts_us.clone_from(&was.rtts_us);
        }
        prop_assert_eq!(thin, batch, "beside RTTs");
    }
}
