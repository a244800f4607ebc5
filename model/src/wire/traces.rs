//! The columns of traces: which target, when, and who answered on the way.
//!
//! Traces are few, so their addresses are told as they are.

use std::net::IpAddr;

use super::{
    Hop, Trace, WireError,
    coder::{Coder, Number},
    error::{MAX_HOPS, MAX_TRACES, within},
};

/// Codes all of a batch's `traces`; nothing is expected of them.
pub(super) fn code(coder: &mut dyn Coder, sealed_ms: u64, traces: &mut Vec<Trace>) -> Result<(), WireError> {
    let count = coder.number(&mut Number::rare(), traces.len() as u64)?;
    let count = within("traces", count, MAX_TRACES)?;
    let (mut small, mut any) = (Number::small(), Number::any());
    for index in 0..count {
        if index == traces.len() {
            traces.push(Trace { target: 0, mono_ms: 0, reached: false, hops: Vec::new() });
        }
        let trace = &mut traces[index];
        trace.target = coder.fitting(&mut any, 0, u64::from(trace.target), "a traced target")?;
        trace.mono_ms = coder.near(&mut any, sealed_ms, trace.mono_ms)?;
        trace.reached = coder.raw(1, u64::from(trace.reached))? == 1;
        let hops = within("hops", coder.number(&mut small, trace.hops.len() as u64)?, MAX_HOPS)?;
        for place in 0..hops {
            if place == trace.hops.len() {
                trace.hops.push(Hop { address: None, rtt_us: 0 });
            }
            let hop = &mut trace.hops[place];
            hop.address = address(coder, hop.address)?;
            let rtt = u64::from(hop.rtt_us);
            hop.rtt_us = if hop.address.is_some() { coder.fitting(&mut any, 0, rtt, "an RTT")? } else { 0 };
        }
    }
    Ok(())
}

/// Codes the length of an address in 32 bits, 0 where there is none, and its bits.
fn address(coder: &mut dyn Coder, address: Option<IpAddr>) -> Result<Option<IpAddr>, WireError> {
    let (length, bits) = match address {
        None => (0, 0),
        Some(IpAddr::V4(v4)) => (1, u128::from(v4.to_bits())),
        Some(IpAddr::V6(v6)) => (2, v6.to_bits()),
    };
    match coder.even(3, length)? {
        0 => Ok(None),
        1 => Ok(Some(IpAddr::V4((coder.raw(32, bits as u64)? as u32).into()))),
        _ => {
            let low = coder.raw(64, bits as u64)?;
            let high = coder.raw(64, (bits >> 64) as u64)?;
            Ok(Some(IpAddr::V6((u128::from(high) << 64 | u128::from(low)).into())))
        }
    }
}
