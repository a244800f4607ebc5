//! One record of an open log: what was measured, as the payload of a [`frame`](super::frame). Numbers are little-endian.

use std::net::IpAddr;

use kentongan_model::{
    gauge::GaugeKind,
    wire::{DeviceReading, Gauge, GaugeReading, Hop, InterfaceReading, Label, MeasuredRound, Trace},
};

use super::{Chain, frame::frame};

/// Something that goes into the next batch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Record {
    /// A round of probes, and what it means for the state of its target.
    Round(MeasuredRound, Weight),
    /// An answered SNMP poll.
    Reading(DeviceReading),
    /// A look at gauges.
    Gauges(GaugeReading),
    /// The way to a target that has gone down.
    Trace(Trace),
    /// So many rounds had to be dropped.
    Dropped(u64),
}

/// What a round means for the state of its target. It does not travel: it says what goes last when the spool is full.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Weight {
    /// It confirms what stands.
    Usual,
    /// It belongs to a streak that may change what stands.
    Telling,
    /// With it something else stands than before.
    Deciding,
}

const WEIGHTS: [Weight; 3] = [Weight::Usual, Weight::Telling, Weight::Deciding];

const ROUND: u8 = 1;
const READING: u8 = 2;
const DROPPED: u8 = 3;
const GAUGES: u8 = 4;
const TRACE: u8 = 5;

impl Record {
    /// Where it is kept: what tells of a state's change lies apart from the rest, since it is to go last.
    pub(super) fn chain(&self) -> Chain {
        match self {
            Record::Round(_, Weight::Telling | Weight::Deciding) | Record::Trace(_) => Chain::Changes,
            _ => Chain::Rounds,
        }
    }

    /// Whether the collector should know soon.
    pub(super) fn is_urgent(&self) -> bool {
        matches!(self, Record::Round(_, Weight::Deciding) | Record::Trace(_))
    }

    /// When it was measured, in milliseconds since boot.
    pub(super) fn mono_ms(&self) -> Option<u64> {
        match self {
            Record::Round(round, _) => Some(round.mono_ms),
            Record::Reading(reading) => Some(reading.mono_ms),
            Record::Gauges(reading) => Some(reading.mono_ms),
            Record::Trace(trace) => Some(trace.mono_ms),
            Record::Dropped(_) => None,
        }
    }

    /// How many rounds are lost with it.
    pub(super) fn rounds(&self) -> u64 {
        u64::from(matches!(self, Record::Round(..)))
    }

    /// The record as a frame.
    pub(super) fn frame(&self) -> Vec<u8> {
        let mut out = Vec::new();
        match self {
            Record::Round(round, weight) => {
                out.push(ROUND);
                out.push(*weight as u8);
                out.extend(round.target.to_le_bytes());
                out.extend(round.mono_ms.to_le_bytes());
                out.extend(round.sent.to_le_bytes());
                for rtt in &round.rtts_us {
                    out.extend(rtt.to_le_bytes());
                }
            }
            Record::Reading(reading) => {
                out.push(READING);
                out.extend(reading.device.to_le_bytes());
                out.extend(reading.mono_ms.to_le_bytes());
                optional(&mut out, reading.uptime_cs.map(u32::to_le_bytes));
                for interface in &reading.interfaces {
                    put_interface(&mut out, interface);
                }
            }
            Record::Gauges(reading) => {
                out.push(GAUGES);
                optional(&mut out, reading.device.map(u16::to_le_bytes));
                out.extend(reading.mono_ms.to_le_bytes());
                for gauge in &reading.gauges {
                    put_gauge(&mut out, gauge);
                }
            }
            Record::Trace(trace) => {
                out.push(TRACE);
                out.extend(trace.target.to_le_bytes());
                out.extend(trace.mono_ms.to_le_bytes());
                out.push(u8::from(trace.reached));
                for hop in &trace.hops {
                    put_hop(&mut out, hop);
                }
            }
            Record::Dropped(rounds) => {
                out.push(DROPPED);
                out.extend(rounds.to_le_bytes());
            }
        }
        frame(&out)
    }

    /// Reads a payload back; none when it is not exactly one record.
    pub(super) fn read(payload: &[u8]) -> Option<Record> {
        let mut input = Input(payload);
        let record = match input.byte()? {
            ROUND => {
                let weight = *WEIGHTS.get(usize::from(input.byte()?))?;
                let (target, mono_ms, sent) = (input.u16()?, input.u64()?, input.u16()?);
                let mut rtts_us = Vec::with_capacity(input.0.len() / 4);
                while !input.0.is_empty() {
                    rtts_us.push(input.u32()?);
                }
                Record::Round(MeasuredRound { target, mono_ms, sent, rtts_us }, weight)
            }
            READING => {
                let (device, mono_ms) = (input.u16()?, input.u64()?);
                let uptime_cs = input.optional(Input::u32)?;
                let mut interfaces = Vec::new();
                while !input.0.is_empty() {
                    interfaces.push(take_interface(&mut input)?);
                }
                Record::Reading(DeviceReading { device, mono_ms, uptime_cs, interfaces })
            }
            GAUGES => {
                let (device, mono_ms) = (input.optional(Input::u16)?, input.u64()?);
                let mut gauges = Vec::new();
                while !input.0.is_empty() {
                    gauges.push(take_gauge(&mut input)?);
                }
                Record::Gauges(GaugeReading { device, mono_ms, gauges })
            }
            TRACE => {
                let (target, mono_ms, reached) = (input.u16()?, input.u64()?, input.byte()? == 1);
                let mut hops = Vec::new();
                while !input.0.is_empty() {
                    hops.push(take_hop(&mut input)?);
                }
                Record::Trace(Trace { target, mono_ms, reached, hops })
            }
            DROPPED => Record::Dropped(input.u64()?),
            _ => return None,
        };
        input.0.is_empty().then_some(record)
    }
}

fn put_interface(out: &mut Vec<u8>, interface: &InterfaceReading) {
    out.extend(interface.link.to_le_bytes());
    for text in [&interface.name, &interface.alias] {
        out.push(u8::from(text.is_some()));
        if let Some(text) = text {
            put_text(out, text);
        }
    }
    optional(out, interface.oper_status.map(|status| [status]));
    optional(out, interface.high_speed_mbps.map(u32::to_le_bytes));
    for counter in interface.counters {
        optional(out, counter.map(u64::to_le_bytes));
    }
}

fn take_interface(input: &mut Input<'_>) -> Option<InterfaceReading> {
    let mut interface = InterfaceReading { link: input.u16()?, ..InterfaceReading::default() };
    interface.name = input.optional(Input::text)?;
    interface.alias = input.optional(Input::text)?;
    interface.oper_status = input.optional(Input::byte)?;
    interface.high_speed_mbps = input.optional(Input::u32)?;
    for counter in &mut interface.counters {
        *counter = input.optional(Input::u64)?;
    }
    Some(interface)
}

fn put_gauge(out: &mut Vec<u8>, gauge: &Gauge) {
    out.extend(gauge.number.to_le_bytes());
    out.extend(gauge.value.to_le_bytes());
    out.push(u8::from(gauge.label.is_some()));
    if let Some(Label { kind, place }) = &gauge.label {
        out.push(kind.number());
        put_text(out, place);
    }
}

fn take_gauge(input: &mut Input<'_>) -> Option<Gauge> {
    let (number, value) = (input.u16()?, input.u64()?.cast_signed());
    let label = input
        .optional(|input| Some(Label { kind: GaugeKind::of_number(input.byte()?)?, place: input.text()? }))?;
    Some(Gauge { number, label, value })
}

fn put_hop(out: &mut Vec<u8>, hop: &Hop) {
    out.extend(hop.rtt_us.to_le_bytes());
    match hop.address {
        None => out.push(0),
        Some(IpAddr::V4(v4)) => {
            out.push(4);
            out.extend(v4.octets());
        }
        Some(IpAddr::V6(v6)) => {
            out.push(16);
            out.extend(v6.octets());
        }
    }
}

fn take_hop(input: &mut Input<'_>) -> Option<Hop> {
    let rtt_us = input.u32()?;
    let address = match input.byte()? {
        0 => None,
        4 => Some(IpAddr::from(input.array::<4>()?)),
        16 => Some(IpAddr::from(input.array::<16>()?)),
        _ => return None,
    };
    Some(Hop { address, rtt_us })
}

fn put_text(out: &mut Vec<u8>, text: &str) {
    // Names have at most 255 characters; whatever a device made longer is cut.
    let cut = &text.as_bytes()[..text.len().min(usize::from(u16::MAX))];
    out.extend((cut.len() as u16).to_le_bytes());
    out.extend(cut);
}

fn optional<const N: usize>(out: &mut Vec<u8>, value: Option<[u8; N]>) {
    out.push(u8::from(value.is_some()));
    out.extend(value.into_iter().flatten());
}

/// Bytes that are read from the front; none where they end too early.
pub(super) struct Input<'a>(pub(super) &'a [u8]);

impl<'a> Input<'a> {
    pub(super) fn take(&mut self, length: usize) -> Option<&'a [u8]> {
        let (head, tail) = self.0.split_at_checked(length)?;
        self.0 = tail;
        Some(head)
    }

    fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        self.take(N)?.try_into().ok()
    }

    pub(super) fn byte(&mut self) -> Option<u8> {
        self.array::<1>().map(|[byte]| byte)
    }

    pub(super) fn u16(&mut self) -> Option<u16> {
        self.array().map(u16::from_le_bytes)
    }

    pub(super) fn u32(&mut self) -> Option<u32> {
        self.array().map(u32::from_le_bytes)
    }

    pub(super) fn u64(&mut self) -> Option<u64> {
        self.array().map(u64::from_le_bytes)
    }

    fn text(&mut self) -> Option<String> {
        let length = self.u16()?;
        self.take(length.into()).map(|bytes| String::from_utf8_lossy(bytes).into_owned())
    }

    fn optional<T>(&mut self, read: impl Fn(&mut Self) -> Option<T>) -> Option<Option<T>> {
        match self.byte()? {
            0 => Some(None),
            1 => read(self).map(Some),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::spool::{folder::Folder, frame::Frames, tests::tearing::Tearing};

    fn interface() -> impl Strategy<Value = InterfaceReading> {
        let text = || proptest::option::of("[a-zA-Z0-9 é-]{0,20}");
        (any::<u16>(), text(), text(), any::<Option<u8>>(), any::<Option<u32>>(), any::<[Option<u64>; 8]>())
            .prop_map(|(link, name, alias, oper_status, high_speed_mbps, counters)| InterfaceReading {
                link,
                name,
                alias,
                oper_status,
                high_speed_mbps,
                counters,
            })
    }

    fn gauge() -> impl Strategy<Value = Gauge> {
        let label = (prop::sample::select(&GaugeKind::ALL[..]), "[a-zA-Z0-9 é-]{0,20}")
            .prop_map(|(kind, place)| Label { kind, place });
        (any::<u16>(), proptest::option::of(label), any::<i64>()).prop_map(|(number, label, value)| Gauge {
            number,
            label,
            value,
        })
    }

    fn hop() -> impl Strategy<Value = Hop> {
        (any::<Option<IpAddr>>(), any::<u32>()).prop_map(|(address, rtt_us)| Hop { address, rtt_us })
    }

    fn record() -> impl Strategy<Value = Record> {
        let reading =
            (any::<u16>(), any::<u64>(), any::<Option<u32>>(), prop::collection::vec(interface(), 0..4));
        prop_oneof![
            (
                any::<u16>(),
                any::<u64>(),
                any::<u16>(),
                prop::collection::vec(any::<u32>(), 0..9),
                prop::sample::select(&WEIGHTS[..])
            )
                .prop_map(|(target, mono_ms, sent, rtts_us, weight)| {
                    Record::Round(MeasuredRound { target, mono_ms, sent, rtts_us }, weight)
                }),
            reading.prop_map(|(device, mono_ms, uptime_cs, interfaces)| Record::Reading(DeviceReading {
                device,
                mono_ms,
                uptime_cs,
                interfaces
            })),
            (any::<Option<u16>>(), any::<u64>(), prop::collection::vec(gauge(), 0..4)).prop_map(
                |(device, mono_ms, gauges)| Record::Gauges(GaugeReading { device, mono_ms, gauges })
            ),
            (any::<u16>(), any::<u64>(), any::<bool>(), prop::collection::vec(hop(), 0..4)).prop_map(
                |(target, mono_ms, reached, hops)| Record::Trace(Trace { target, mono_ms, reached, hops })
            ),
            any::<u64>().prop_map(Record::Dropped),
        ]
    }

    proptest! {
        #[test]
        fn records_read_back_and_a_cut_or_flipped_tail_ends_the_log_where_it_is(
            records in prop::collection::vec(record(), 1..6),
            cut in any::<prop::sample::Index>(),
            bit in 0u8..8,
        ) {
            let frames: Vec<Vec<u8>> = records.iter().map(Record::frame).collect();
            let whole = frames.concat();
            let read = |bytes: &[u8]| {
                let folder = Tearing::default();
                folder.append(&mut folder.create("log").unwrap(), bytes).unwrap();
                let mut frames = Frames::of(&folder, "log").unwrap();
                std::iter::from_fn(|| frames.next(Record::read).unwrap()).collect::<Vec<_>>()
            };
            prop_assert_eq!(&read(&whole), &records);

            let at = cut.index(whole.len());
            let mut ends = frames.iter().scan(0, |end, frame| { *end += frame.len(); Some(*end) });
            let before = ends.position(|end| end > at).unwrap_or(records.len());
            prop_assert_eq!(&read(&whole[..at]), &records[..before]);

            let mut flipped = whole.clone();
            flipped[at] ^= 1 << bit;
            prop_assert_eq!(&read(&flipped), &records[..before]);
        }
    }
}
