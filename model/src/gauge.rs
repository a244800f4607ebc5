//! Gauges: what is read off a device or a router beside its interfaces, as one number each.
//!
//! A gauge is a kind, which says the unit, and a place within the device. Device profiles say which objects become
//! which gauges; a router's own look at itself gives the others. A new vendor needs no new kind.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

/// What a gauge says, and in which unit. Values are whole thousandths of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum GaugeKind {
    /// Optical power received, in dBm.
    RxDbm,
    /// Optical power sent, in dBm.
    TxDbm,
    /// Radio power received, in dBm.
    RssiDbm,
    /// Radio noise, in dBm.
    NoiseDbm,
    /// Clients of a radio or an SSID.
    Clients,
    /// Temperature, in °C.
    Celsius,
    /// Voltage, in V.
    Volts,
    /// Load average over five minutes.
    Load,
    /// Memory that programs could still have, in bytes.
    MemoryFree,
    /// Room left in the agent's folder on flash, in bytes.
    FlashFree,
    /// Bytes that the router's uplink interface has received since it booted.
    UplinkIn,
    /// Bytes that the router's uplink interface has sent since it booted.
    UplinkOut,
    /// Bytes that the agent has sent to its collector since it was started, TLS included.
    AgentSent,
    /// Bytes that the agent has received from its collector since it was started, TLS included.
    AgentReceived,
}

impl GaugeKind {
    /// Every kind, in the order of their numbers on the wire: new ones are added at the end.
    pub const ALL: [GaugeKind; 14] = [
        GaugeKind::RxDbm,
        GaugeKind::TxDbm,
        GaugeKind::RssiDbm,
        GaugeKind::NoiseDbm,
        GaugeKind::Clients,
        GaugeKind::Celsius,
        GaugeKind::Volts,
        GaugeKind::Load,
        GaugeKind::MemoryFree,
        GaugeKind::FlashFree,
        GaugeKind::UplinkIn,
        GaugeKind::UplinkOut,
        GaugeKind::AgentSent,
        GaugeKind::AgentReceived,
    ];

    /// Its name in profiles, the API and the metric store.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            GaugeKind::RxDbm => "rx_dbm",
            GaugeKind::TxDbm => "tx_dbm",
            GaugeKind::RssiDbm => "rssi_dbm",
            GaugeKind::NoiseDbm => "noise_dbm",
            GaugeKind::Clients => "clients",
            GaugeKind::Celsius => "celsius",
            GaugeKind::Volts => "volts",
            GaugeKind::Load => "load",
            GaugeKind::MemoryFree => "memory_free",
            GaugeKind::FlashFree => "flash_free",
            GaugeKind::UplinkIn => "uplink_in",
            GaugeKind::UplinkOut => "uplink_out",
            GaugeKind::AgentSent => "agent_sent",
            GaugeKind::AgentReceived => "agent_received",
        }
    }

    /// Its number on the wire.
    #[must_use]
    pub fn number(self) -> u8 {
        self as u8
    }

    /// The kind with this number on the wire.
    #[must_use]
    pub fn of_number(number: u8) -> Option<GaugeKind> {
        Self::ALL.get(usize::from(number)).copied()
    }
}

impl fmt::Display for GaugeKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A word that names no kind.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("'{0}' is no kind of gauge")]
pub struct UnknownKind(String);

impl FromStr for GaugeKind {
    type Err = UnknownKind;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let found = Self::ALL.into_iter().find(|kind| kind.as_str() == text);
        found.ok_or_else(|| UnknownKind(text.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_names_lead_back_to_their_kind() {
        for (number, kind) in (0..).zip(GaugeKind::ALL) {
            assert_eq!((kind.number(), GaugeKind::of_number(number)), (number, Some(kind)));
            assert_eq!(kind.as_str().parse(), Ok(kind));
            assert_eq!(serde_json::to_string(&kind).unwrap(), format!("\"{kind}\""));
        }
        assert_eq!(GaugeKind::of_number(14), None);
        assert!("watts".parse::<GaugeKind>().is_err());
    }
}
