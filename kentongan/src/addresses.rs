//! `kentongan addresses SITE`: the addresses of a site and of all that hangs behind it, one a line, for firewall rules
//! and for trying out an outage.

use std::{collections::BTreeSet, path::PathBuf, process::ExitCode};

use kentongan_model::{
    id::SiteId,
    inventory::{Network, Site},
};

use crate::inventory_file;

/// What to look up, and where.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// The site
    site: String,
    /// The inventory
    #[arg(long, default_value = "hotspots.toml")]
    inventory: PathBuf,
}

/// Prints `site-id address` for each address.
pub(crate) fn run(arguments: &Arguments) -> ExitCode {
    let network = match inventory_file::read(&arguments.inventory) {
        Ok(network) => network,
        Err(code) => return code,
    };
    let Some(root) = network.sites.iter().find(|site| site.id.as_str() == arguments.site) else {
        eprintln!(
            "error: {} has no site '{}'; `kentongan status` lists them",
            arguments.inventory.display(),
            arguments.site
        );
        return ExitCode::FAILURE;
    };
    for site in behind(&network, &root.id) {
        for target in &site.targets {
            println!("{} {}", site.id, target.address);
        }
    }
    ExitCode::SUCCESS
}

/// The site and those of which every way to the core passes it, in the order of the file.
fn behind<'a>(network: &'a Network, root: &SiteId) -> Vec<&'a Site> {
    let mut lost = BTreeSet::from([root]);
    loop {
        let before = lost.len();
        for site in &network.sites {
            if !site.upstream.is_empty() && site.upstream.iter().all(|upstream| lost.contains(upstream)) {
                lost.insert(&site.id);
            }
        }
        if lost.len() == before {
            return network.sites.iter().filter(|site| lost.contains(&site.id)).collect();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_site_with_a_second_way_does_not_hang_behind_the_first() {
        let site = |id: &str, upstream: &str, n: u8| {
            format!(
                "[[site]]\nid = \"{id}\"\nname = \"{id}\"\nkind = \"desa\"\nupstream = {upstream}\naddress = \"10.0.0.{n}\"\n"
            )
        };
        let text = [
            "[network]\nname = \"Uji\"\n".to_owned(),
            site("desa-ring", r#"["kec-a", "kec-b"]"#, 4),
            site("desa-a", r#"["kec-a"]"#, 3),
            site("kec-b", "[]", 2),
            site("kec-a", "[]", 1),
        ]
        .concat();
        let network = Network::parse(&text).expect("a small network");
        let ids: Vec<_> =
            behind(&network, &"kec-a".parse().unwrap()).iter().map(|site| site.id.as_str()).collect();
        assert_eq!(ids, ["desa-a", "kec-a"]);
    }
}
