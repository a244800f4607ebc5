//! The district that the journeys and the bench watch: the NOC, one kecamatan with an agent on its router, and the
//! places behind it.
//!
//! ```text
//!   noc 10.33.0.1 ──trunk── 10.33.0.2 kec-kutoarjo 10.33.9.1 ────── 10.33.9.2 desa-kebondalem
//!   collector, alerter,      agent, snmpd          10.33.9.5 ────── 10.33.9.6 desa-tuntungpait
//!   the core's agent                               10.33.9.… ────── …
//! ```

use std::{fmt::Write as _, net::Ipv4Addr};

use anyhow::Result;

use crate::{Lab, Link, Namespace};

/// Desa of the kecamatan Kutoarjo, with their codes (Kemendagri).
const DESA: [(&str, &str); 12] = [
    ("kebondalem", "33.06.09.2001"),
    ("tuntungpait", "33.06.09.2002"),
    ("kiyangkongrejo", "33.06.09.2003"),
    ("suren", "33.06.09.2004"),
    ("karangwuluh", "33.06.09.2005"),
    ("purwosari", "33.06.09.2006"),
    ("kepuh", "33.06.09.2007"),
    ("majir", "33.06.09.2008"),
    ("kuwurejo", "33.06.09.2011"),
    ("pringgowijayan", "33.06.09.2012"),
    ("sidarum", "33.06.09.2013"),
    ("pacor", "33.06.09.2018"),
];

/// The id of the site at the NOC.
pub const NOC: &str = "noc";
/// The id of the kecamatan.
pub const KECAMATAN: &str = "kec-kutoarjo";
/// The id of the hotspot.
pub const HOTSPOT: &str = "hotspot-alun-alun";
/// The SNMP community of the kecamatan's router, and the variable that the inventory takes it from.
pub const COMMUNITY: (&str, &str) = ("KENTONGAN_SNMP_ROUTERS", "purworejo");
/// The kecamatan's interface towards the NOC: the link that the inventory names.
pub const TRUNK_INTERFACE: &str = "sfp-noc";
/// The NOC's address.
pub const NOC_ADDRESS: Ipv4Addr = Ipv4Addr::new(10, 33, 0, 1);
/// The kecamatan's address.
pub const KECAMATAN_ADDRESS: Ipv4Addr = Ipv4Addr::new(10, 33, 0, 2);

/// A place behind the kecamatan.
#[derive(Debug)]
pub struct Leaf {
    /// Its id.
    pub id: String,
    /// Its address.
    pub address: Ipv4Addr,
    /// Its router.
    pub router: Namespace,
    /// The fibre from the kecamatan.
    pub link: Link,
    /// What its router can tell of itself. The inventory says so.
    pub router_tells: RouterTells,
    region: &'static str,
    near: Ipv4Addr,
}

/// What a village's router can tell of itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum RouterTells {
    /// It answers pings.
    #[default]
    Echoes,
    /// It answers SNMP, too: whoever probes it reads when it booted.
    Snmp,
    /// An agent runs on it.
    Agent,
}

/// The district.
#[derive(Debug)]
pub struct District {
    /// The NOC, where the collector stands.
    pub noc: Namespace,
    /// The kecamatan's router.
    pub kecamatan: Namespace,
    /// The fibre between them.
    pub trunk: Link,
    /// The places behind the kecamatan: the desa in their order, then the hotspot.
    pub leaves: Vec<Leaf>,
}

impl District {
    /// Builds it with so many desa (at most 12) and a hotspot.
    ///
    /// # Errors
    /// When the lab refuses.
    pub fn build(lab: &Lab, desa: usize) -> Result<District> {
        let (noc, kecamatan) = (lab.namespace("noc")?, lab.namespace("kec")?);
        let trunk = lab.link((&noc, "sfp-kutoarjo"), (&kecamatan, TRUNK_INTERFACE))?;
        noc.address("sfp-kutoarjo", NOC_ADDRESS, 30)?;
        kecamatan.address(TRUNK_INTERFACE, KECAMATAN_ADDRESS, 30)?;
        noc.route("10.33.9.0/24", KECAMATAN_ADDRESS)?;
        kecamatan.forward()?;

        let names = DESA.iter().take(desa).map(|(name, code)| (format!("desa-{name}"), *code));
        let hotspot = (HOTSPOT.to_owned(), "33.06.09.1016");
        let leaf = |(place, (id, region))| Leaf::join(lab, &kecamatan, place, id, region);
        let leaves = (0_u8..).zip(names.chain([hotspot])).map(leaf).collect::<Result<_>>()?;
        Ok(District { noc, kecamatan, trunk, leaves })
    }

    /// Its `hotspots.toml`, with a round each `interval` (as the inventory writes it).
    #[must_use]
    pub fn inventory(&self, interval: &str) -> String {
        let mut text = format!(
            r#"[network]
name = "Kabupaten Purworejo"

[defaults]
interval = "{interval}"
report_interval = "{interval}"

[[site]]
id = "{NOC}"
name = "NOC Dinkominfo"
kind = "backbone"
address = "{NOC_ADDRESS}"

[[site]]
id = "{KECAMATAN}"
name = "Kecamatan Kutoarjo"
kind = "kecamatan"
region = "33.06.09"
upstream = ["{NOC}"]
agent = true

[[site.target]]
id = "router"
address = "{KECAMATAN_ADDRESS}"
snmp = "routers"
links = [{{ interface = "{TRUNK_INTERFACE}", to = "{NOC}", medium = "fiber" }}]

[snmp.routers]
version = "2c"
community = {{ env = "{}" }}
"#,
            COMMUNITY.0
        );
        for leaf in &self.leaves {
            let kind = if leaf.id == HOTSPOT { "hotspot" } else { "desa" };
            let equipment = match leaf.router_tells {
                RouterTells::Echoes => format!("address = \"{}\"", leaf.address),
                RouterTells::Agent => format!("address = \"{}\"\nagent = true", leaf.address),
                RouterTells::Snmp => {
                    format!(
                        "[[site.target]]\nid = \"router\"\naddress = \"{}\"\nsnmp = \"routers\"",
                        leaf.address
                    )
                }
            };
            let _ = write!(
                text,
                r#"
[[site]]
id = "{id}"
name = "{id}"
kind = "{kind}"
region = "{}"
upstream = ["{KECAMATAN}"]
{equipment}
"#,
                leaf.region,
                id = leaf.id,
            );
        }
        text
    }
}

impl Leaf {
    fn join(lab: &Lab, kecamatan: &Namespace, place: u8, id: String, region: &'static str) -> Result<Leaf> {
        let router = lab.namespace(&format!("leaf{place}"))?;
        let port = format!("ether{}", place + 1);
        let link = lab.link((kecamatan, &port), (&router, "uplink"))?;
        let near = Ipv4Addr::new(10, 33, 9, place * 4 + 1);
        let address = Ipv4Addr::new(10, 33, 9, place * 4 + 2);
        kecamatan.address(&port, near, 30)?;
        router.address("uplink", address, 30)?;
        router.route("default", near)?;
        Ok(Leaf { id, address, router, link, router_tells: RouterTells::default(), region, near })
    }

    /// Its router loses power: nothing answers there any more, and the kecamatan's port towards it goes dark. What ran
    /// on it is its owner's to kill.
    ///
    /// # Errors
    /// When `ip` refuses.
    pub fn lose_power(&self) -> Result<()> {
        self.router.shut("uplink")
    }

    /// Its router boots. What runs on it is its owner's to start.
    ///
    /// # Errors
    /// When `ip` refuses.
    pub fn boot(&self) -> Result<()> {
        self.router.open("uplink")?;
        self.router.route("default", self.near)
    }
}
