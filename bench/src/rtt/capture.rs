//! Echoes out of a capture: which request was stamped when, and which reply. Reads what tcpdump writes with nanoseconds
//! (the file format of pcap(3PCAP), `pcap-savefile(5)`) on an Ethernet link.

use std::{collections::HashMap, net::Ipv4Addr};

use anyhow::{Context, Result, ensure};

/// Marks a capture with stamps in nanoseconds, written on a little-endian machine.
const MAGIC: [u8; 4] = 0xa1b2_3c4d_u32.to_le_bytes();
const ETHERNET: usize = 14;

/// Requests with their replies, by address, in the order of sending.
#[derive(Debug, Default)]
pub(super) struct Echoes {
    by_address: HashMap<Ipv4Addr, Vec<Echo>>,
}

#[derive(Debug)]
struct Echo {
    /// Ident and sequence.
    name: [u8; 4],
    sent_ns: i64,
    answered_ns: Option<i64>,
}

impl Echoes {
    pub(super) fn read(mut capture: &[u8]) -> Result<Echoes> {
        ensure!(capture.get(..4) == Some(&MAGIC), "not a capture with nanoseconds");
        capture = capture.get(24..).context("its head is cut off")?;
        let mut echoes = Echoes::default();
        // The last packet may be cut off: whoever wrote it was ended.
        while let Some((head, rest)) = capture.split_at_checked(16) {
            let number = |at: usize| u32::from_le_bytes([head[at], head[at + 1], head[at + 2], head[at + 3]]);
            let at_ns = i64::from(number(0)) * 1_000_000_000 + i64::from(number(4));
            let Some((packet, rest)) = rest.split_at_checked(number(8) as usize) else { break };
            echoes.add(at_ns, packet.get(ETHERNET..).unwrap_or_default());
            capture = rest;
        }
        Ok(echoes)
    }

    fn add(&mut self, at_ns: i64, ip: &[u8]) -> Option<()> {
        let header = usize::from(ip.first()? & 0x0f) * 4;
        let address = |at: usize| -> Option<Ipv4Addr> {
            let bytes: [u8; 4] = ip.get(at..at + 4)?.try_into().ok()?;
            Some(Ipv4Addr::from(bytes))
        };
        let icmp = ip.get(header..header + 8)?;
        let name: [u8; 4] = icmp[4..8].try_into().ok()?;
        match icmp[0] {
            8 => {
                let echo = Echo { name, sent_ns: at_ns, answered_ns: None };
                self.by_address.entry(address(16)?).or_default().push(echo);
            }
            0 => {
                let echoes = self.by_address.get_mut(&address(12)?)?;
                let echo = echoes.iter_mut().rev().find(|echo| echo.name == name)?;
                echo.answered_ns.get_or_insert(at_ns);
            }
            _ => {}
        }
        Some(())
    }

    /// The times of an address that were answered, in microseconds.
    pub(super) fn rtts_us(&self, address: Ipv4Addr) -> Vec<f64> {
        let echoes = self.by_address.get(&address).into_iter().flatten();
        echoes.filter_map(|echo| Some((echo.answered_ns? - echo.sent_ns) as f64 / 1e3)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A packet as it stands in a capture.
    fn packet(at_ns: u32, kind: u8, from: [u8; 4], to: [u8; 4], sequence: u8) -> Vec<u8> {
        let mut ip = vec![0; 28];
        ip[0] = 0x45;
        ip[12..16].copy_from_slice(&from);
        ip[16..20].copy_from_slice(&to);
        ip[20] = kind;
        ip[27] = sequence;
        let length = (ETHERNET + ip.len()) as u32;
        let head = [7, at_ns, length, length].map(u32::to_le_bytes).concat();
        [head, vec![0; ETHERNET], ip].concat()
    }

    #[test]
    fn requests_and_replies_are_paired_and_a_torn_end_is_passed_over() {
        let (here, there) = ([10, 0, 0, 1], [10, 0, 0, 2]);
        let mut capture = [&MAGIC[..], &[0; 20]].concat();
        capture.extend(packet(1_000, 8, here, there, 1));
        capture.extend(packet(2_000, 8, here, there, 2));
        capture.extend(packet(9_500, 0, there, here, 2));
        capture.extend(packet(9_900, 0, there, here, 2));
        capture.extend(packet(11_000, 8, here, there, 3));
        capture.extend(packet(14_000, 0, there, here, 3));
        capture.extend(&packet(15_000, 8, here, there, 4)[..20]);
        let echoes = Echoes::read(&capture).unwrap();
        assert_eq!(echoes.rtts_us(there.into()), [7.5, 3.0]);
        assert!(echoes.rtts_us(here.into()).is_empty());
    }
}
