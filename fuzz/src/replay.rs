//! An observation log, as somebody wrote, cut or mangled it.

use std::sync::LazyLock;

use kentongan_model::{inventory::Network, time::Timestamp};
use kentongan_timeline::replay;

/// A small district with everything an observation can be about.
static NETWORK: LazyLock<Network> = LazyLock::new(|| {
    Network::parse(include_str!("district.toml")).expect("the district of the fuzzer is an inventory")
});
static UNTIL: LazyLock<Timestamp> = LazyLock::new(|| "2026-11-01T02:00:00Z".parse().expect("a time"));

/// Replays `bytes` as a log.
///
/// # Panics
/// When a document cannot be written, a site's timeline has a gap or does not end with now, or a fault is not told.
pub fn replay(bytes: &[u8]) {
    let mut faults = 0;
    let leave_out = |_| {
        faults += 1;
        Ok(())
    };
    let judgement =
        replay::judge_rest(&NETWORK, bytes, *UNTIL, leave_out).expect("what is faulty is left out");
    let strict = replay::run(&NETWORK, bytes, *UNTIL);
    assert_eq!(strict.is_ok(), faults == 0, "{faults} faults");
    for site in &judgement.sites {
        let joined = site.timeline.windows(2).all(|pair| pair[0].to == pair[1].from && pair[0] != pair[1]);
        assert!(joined, "the timeline of {} has a gap or a seam: {:?}", site.id, site.timeline);
        let end = site.timeline.last().map(|interval| interval.to);
        assert!(end.is_none_or(|end| end == judgement.until), "{} does not end with now", site.id);
    }
    if let Ok(document) = strict {
        document.write(&mut Vec::new()).expect("a vector takes everything");
    }
}
