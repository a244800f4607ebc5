//! What `up` shows a newcomer: the table of states, once, as soon as each site that can be judged has been.

use std::{sync::Arc, time::Duration};

use kentongan_model::{state::State, time::Clock};

use crate::status;

/// How often the API is asked.
const ASK_EVERY: Duration = Duration::from_millis(250);
/// When the table is shown although some sites are still unknown: they may never answer.
const PATIENCE: u32 = 16;

/// Asks the collector at `url` until every site has a state or patience ends, and prints the table.
pub(crate) async fn show(url: String, clock: Arc<dyn Clock>) {
    for attempt in 0..=PATIENCE {
        tokio::time::sleep(ASK_EVERY).await;
        let Ok(body) = status::ask(&url).await else { continue };
        let Ok(listing) = status::parse::<status::Listing>(&url, &body) else { return };
        let settled = listing.sites.iter().all(|row| row.state != State::Unknown);
        if settled || attempt == PATIENCE {
            println!("\n{}", status::table(&listing, clock.now()));
            return;
        }
    }
}
