//! The findings in English.

use super::{Told, list, ms, short};
use crate::{
    self_test::found::{Found, Purpose},
    uplink::Obstacle,
};

#[expect(clippy::too_many_lines, reason = "one arm for each finding; they are read side by side")]
pub(super) fn told(found: &Found) -> Told {
    let only = |sentence: String| (sentence, None);
    let with = |sentence: String, remedy: &str| (sentence, Some(remedy.to_owned()));
    match found {
        Found::Configured { agent, collector } => only(format!("agent {agent}, collector {collector}")),
        Found::Unconfigured { error } => with(
            format!("not enrolled, or the file is wrong: {error}"),
            "run the command of `kentongan agent add <site>` on this router",
        ),
        Found::Folder { purpose, folder, free_kb } => {
            only(format!("{} {} can be written, {free_kb} kB left", purpose_word(*purpose), folder.display()))
        }
        Found::NarrowFolder { purpose, folder, free_kb } => with(
            format!("{} {} has {free_kb} kB left", purpose_word(*purpose), folder.display()),
            "make room: the agent keeps up to 2 MB while the collector cannot be reached",
        ),
        Found::MisplacedFolder { purpose: Purpose::Flash, folder } => with(
            format!("{} lies in memory: plan and backlog go with the power", folder.display()),
            "choose a folder on flash for state_dir (OpenWrt: /etc/kentongan/state)",
        ),
        Found::MisplacedFolder { purpose: Purpose::Memory, folder } => with(
            format!("{} lies on flash, which wears out as it is written all the time", folder.display()),
            "choose a folder on tmpfs for memory_dir (OpenWrt: /tmp/kentongan-agent)",
        ),
        Found::Unwritable { folder, error } => with(
            format!("{} cannot be written: {error}", folder.display()),
            "make the folder for the user that the agent runs as, and make room",
        ),
        Found::Running => only("an agent is running".to_owned()),
        Found::NotRunning => with(
            "no agent is running".to_owned(),
            "OpenWrt: /etc/init.d/kentongan-agent start; Debian: systemctl start kentongan-agent",
        ),
        Found::MayPing { lacking: None } => only("allowed; IPv4 and IPv6".to_owned()),
        Found::MayPing { lacking: Some(lacking) } => only(format!("allowed; without {lacking}")),
        Found::MayNotPing { error } => with(
            format!("not allowed: {error}"),
            "run it as root, or allow it: sysctl -w net.ipv4.ping_group_range=\"0 2147483647\"",
        ),
        Found::LoopbackSilent => with(
            "127.0.0.1 does not answer a ping".to_owned(),
            "look at this router's firewall: it blocks pings from and to itself",
        ),
        Found::GatewayAnswers { address, rtt_us } => {
            only(format!("{address} answers in {}", ms(std::time::Duration::from_micros((*rtt_us).into()))))
        }
        Found::GatewaySilent { address } => with(
            format!("{address} does not answer a ping"),
            "look at cable and uplink; some gateways never answer pings",
        ),
        Found::NoGateway => with("there is no default route".to_owned(), "look at the uplink: `ip route`"),
        Found::NameKnown { host, addresses, took } => {
            only(format!("{host} = {} ({})", list(addresses), ms(*took)))
        }
        Found::NameUnknown { host, error } => with(
            format!("the name {host} is not found: {error}"),
            "look at this router's DNS server (/etc/resolv.conf), and at how the collector's address is spelt",
        ),
        Found::Clock { ahead_ms } => {
            only(format!("agrees with the collector's ({} s apart)", ahead_ms / 1_000))
        }
        Found::ClockOff { ahead_ms } => with(
            format!("{} s from the collector's", ahead_ms / 1_000),
            "switch NTP on (OpenWrt: /etc/init.d/sysntpd restart); what is measured stays right, TLS may fail",
        ),
        Found::ClockAlone { now } => only(format!("{now}; it cannot be held against the collector's")),
        Found::ClockUnset { now, needed } => with(
            format!("not set: {now}"),
            if *needed {
                "switch NTP on (OpenWrt: /etc/init.d/sysntpd restart): with this clock TLS refuses the collector"
            } else {
                "switch NTP on (OpenWrt: /etc/init.d/sysntpd restart)"
            },
        ),
        Found::AddressUnusable { error } => {
            with(format!("the collector's address cannot be used: {error}"), "mend agent.toml")
        }
        Found::Connected { encrypted: true, took } => {
            only(format!("the collector's certificate is trusted and valid; answered in {}", ms(*took)))
        }
        Found::Connected { encrypted: false, took } => {
            only(format!("the collector answered in {}, not encrypted (http)", ms(*took)))
        }
        Found::Unconnected { obstacle, error } => with(
            format!("the collector cannot be reached: {error}"),
            match obstacle {
                Obstacle::Unreachable => {
                    "look at uplink, firewall and the collector's address; is the collector running?"
                }
                Obstacle::Slow => "look at uplink and firewall: nothing answered in time",
                Obstacle::CertificateTime => {
                    "set the router's clock (NTP); if the clock is right, the certificate has run out"
                }
                Obstacle::CertificateIssuer => {
                    "nobody known has signed the certificate: name your own CA with ca_file; if you have none, \
                     somebody may be listening"
                }
                Obstacle::CertificateName => {
                    "the certificate is another host's: look at the collector's address in agent.toml"
                }
                Obstacle::Tls => "look whether that address and port really speak https",
                Obstacle::Foreign => "what answers there is no collector: look at address and port",
            },
        ),
        Found::Plan { revision, targets, devices } => {
            only(format!("plan {revision} has come: {targets} targets to ping, {devices} SNMP devices"))
        }
        Found::EmptyPlan => with(
            "the plan has come, and is empty".to_owned(),
            "write into the collector's hotspots.toml what this agent watches",
        ),
        Found::TokenRefused => with(
            "the collector refuses this agent's token".to_owned(),
            "enrol it anew with a code of `kentongan agent add <site>`",
        ),
        Found::AgentUnknown => with(
            "the collector has no agent at this site".to_owned(),
            "write `agent = true` at that site in hotspots.toml",
        ),
        Found::PlanUnusable { error } => with(
            format!("the plan cannot be followed: {error}"),
            "install the same version of kentongan here and at the collector",
        ),
        Found::Unexpected { status } => with(
            format!("an answer that was not expected: HTTP {status}"),
            "look at the collector's address, and at the log of the collector or of the proxy before it",
        ),
        Found::KeptPlan { targets, devices } => only(format!(
            "the agent runs on the plan it kept: {targets} targets to ping, {devices} SNMP devices"
        )),
        Found::NoPlan => with(
            "there is no plan yet: the agent does not know what to measure".to_owned(),
            "mend the way to the collector; the plan comes from there",
        ),
        Found::TargetsAnswer { count } => only(format!("all {count} targets answer")),
        Found::TargetsSilent { silent, more, of } => with(
            format!(
                "{} of {of} targets do not answer: {}",
                silent.len() + more,
                with_more(&list(silent), *more)
            ),
            "they may be down now, or do not answer pings from this router",
        ),
        Found::Device { subject, address, description } => {
            only(format!("{subject} ({address}): {}", short(description)))
        }
        Found::DeviceSilent { subject, address, access, error } => with(
            format!("{subject} ({address}) cannot be read with {access}: {error}"),
            "look at community or passwords in hotspots.toml, and whether the device lets this router's address read",
        ),
        Found::DevicesLeftOut { count } => only(format!("{count} more devices were not looked at")),
    }
}

fn purpose_word(purpose: Purpose) -> &'static str {
    match purpose {
        Purpose::Flash => "flash",
        Purpose::Memory => "memory",
    }
}

fn with_more(list: &str, more: usize) -> String {
    if more == 0 { list.to_owned() } else { format!("{list} and {more} more") }
}
