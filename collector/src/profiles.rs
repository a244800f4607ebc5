//! Device profiles: those that come with the collector, and the operator's own in the folder `profiles` beside the
//! inventory. They go into every plan that has devices.
//!
//! The rules it guards: a file of the operator's own goes before one of the same name that comes with the collector,
//! so that a device can be mended in the field. A bad edit under a running collector changes nothing; it is logged.

use std::{
    collections::BTreeMap,
    fmt,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, SystemTime},
};

use kentongan_model::profile::{MAX_PROFILES, MAX_PROFILES_LENGTH, MAX_TABLES, Profile};
use tokio_util::sync::CancellationToken;

/// How often the folder is looked at.
const LOOK_EVERY: Duration = Duration::from_secs(5);
/// Bytes in one file; a longer one is a fault.
const MAX_FILE: u64 = 256 * 1024;
/// The generic tables stand last: what a vendor's own table says goes first.
const LAST: &str = "entity-sensors.toml";

macro_rules! built_in {
    ($($name:literal),* $(,)?) => {
        [$(($name, include_str!(concat!("../profiles/", $name)))),*]
    };
}

/// The profiles that come with the collector, by their file.
const BUILT_IN: [(&str, &str); 24] = built_in![
    "alcatel-stellar.toml",
    "bdcom.toml",
    "cambium-epmp.toml",
    "cambium-pmp.toml",
    "cisco.toml",
    "entity-sensors.toml",
    "fs-bdcom.toml",
    "fs-ruijie.toml",
    "grandstream.toml",
    "hp-procurve.toml",
    "huawei-olt.toml",
    "huawei-vrp.toml",
    "huawei-vrp8.toml",
    "huawei-wlan.toml",
    "juniper.toml",
    "mikrotik.toml",
    "net-snmp.toml",
    "ruijie.toml",
    "tp-link.toml",
    "ubiquiti-airos.toml",
    "ubiquiti-ufiber.toml",
    "ubiquiti-unifi.toml",
    "vsol-olt.toml",
    "zte-olt.toml",
];

/// What is wrong with one file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProfileFault {
    /// The file.
    pub path: PathBuf,
    /// Where in it, counted from 1; none when it cannot be read at all.
    pub at: Option<(usize, usize)>,
    /// What it is.
    pub message: String,
}

/// What is wrong with the folder: every file that has a fault, with its first.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))]
pub struct ProfileFaults(pub Vec<ProfileFault>);

impl fmt::Display for ProfileFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.path.display())?;
        if let Some((line, column)) = self.at {
            write!(f, ":{line}:{column}")?;
        }
        write!(f, ": {}", self.message)
    }
}

/// The folder of the operator's own profiles for an inventory.
#[must_use]
pub fn folder_beside(inventory: &Path) -> PathBuf {
    inventory.parent().unwrap_or(Path::new("")).join("profiles")
}

/// All profiles, in the order in which they are tried. A folder that is not there is empty.
///
/// # Errors
/// Every file that cannot be used, with its first fault.
pub fn read(folder: &Path) -> Result<Vec<Profile>, ProfileFaults> {
    let mut files: BTreeMap<String, (PathBuf, Result<String, String>)> = BTreeMap::new();
    for (name, text) in BUILT_IN {
        files.insert(name.to_owned(), (name.into(), Ok(text.to_owned())));
    }
    for path in own_files(folder) {
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default().to_owned();
        let text = read_file(&path);
        files.insert(name, (path, text));
    }
    let last = files.remove_entry(LAST);
    let (mut profiles, mut faults, mut room) = (Vec::new(), Vec::new(), MAX_PROFILES_LENGTH);
    for (_, (path, text)) in files.into_iter().chain(last) {
        let parsed = text.map_err(|message| (None, message)).and_then(|text| parse(&text));
        match parsed.and_then(|profile| fitting(profile, &mut room).map_err(|message| (None, message))) {
            Ok(profile) => profiles.push(profile),
            Err((at, message)) => faults.push(ProfileFault { path, at, message }),
        }
    }
    if profiles.len() > MAX_PROFILES {
        let message =
            format!("{} profiles are more than the {MAX_PROFILES} that a plan may have", profiles.len());
        faults.push(ProfileFault { path: folder.to_owned(), at: None, message });
    }
    if faults.is_empty() { Ok(profiles) } else { Err(ProfileFaults(faults)) }
}

/// A profile, if a plan has room for it.
fn fitting(profile: Profile, room: &mut usize) -> Result<Profile, String> {
    if profile.tables.len() > MAX_TABLES {
        let tables = profile.tables.len();
        return Err(format!("{tables} tables are more than the {MAX_TABLES} that a profile may have"));
    }
    // As it travels.
    let length = serde_json::to_vec(&profile).map_err(|error| error.to_string())?.len();
    let Some(left) = room.checked_sub(length) else {
        return Err(format!(
            "with it the profiles are longer than the {MAX_PROFILES_LENGTH} bytes that they may take in a plan"
        ));
    };
    *room = left;
    Ok(profile)
}

/// The files of the folder that are profiles.
fn own_files(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path());
    let mut files: Vec<PathBuf> =
        entries.filter(|path| path.extension().is_some_and(|e| e == "toml")).collect();
    files.sort();
    files
}

fn read_file(path: &Path) -> Result<String, String> {
    let length = std::fs::metadata(path).map_err(|error| error.to_string())?.len();
    if length > MAX_FILE {
        return Err(format!("it is longer than {MAX_FILE} bytes"));
    }
    std::fs::read_to_string(path).map_err(|error| error.to_string())
}

/// A profile, or its first fault and where it is.
fn parse(text: &str) -> Result<Profile, (Option<(usize, usize)>, String)> {
    toml::from_str(text).map_err(|error| {
        let at = error.span().map(|span| {
            let before = &text[..span.start.min(text.len())];
            let line = before.matches('\n').count() + 1;
            let column = before.chars().rev().take_while(|letter| *letter != '\n').count() + 1;
            (line, column)
        });
        (at, error.message().to_owned())
    })
}

/// The profiles in use. Clones share them.
#[derive(Debug, Clone)]
pub(crate) struct ProfileShelf {
    folder: Arc<Path>,
    current: Arc<Mutex<Arc<[Profile]>>>,
}

/// What a look at the folder sees of each file.
type Sight = Vec<(PathBuf, Option<SystemTime>, u64)>;

impl ProfileShelf {
    /// A shelf with what the folder beside this inventory holds.
    pub(crate) fn open(inventory: &Path) -> Result<ProfileShelf, ProfileFaults> {
        let folder = folder_beside(inventory);
        let profiles = read(&folder)?;
        Ok(ProfileShelf { folder: folder.into(), current: Arc::new(Mutex::new(profiles.into())) })
    }

    /// The profiles in use; others are at another address.
    pub(crate) fn current(&self) -> Arc<[Profile]> {
        Arc::clone(&self.current.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Looks at the folder until `stop`, and takes over what has changed and has no fault.
    pub(crate) async fn watch(self, stop: CancellationToken) {
        let mut seen = self.look().await;
        while stop.run_until_cancelled(tokio::time::sleep(LOOK_EVERY)).await.is_some() {
            let now = self.look().await;
            if now != seen {
                seen = now;
                self.reload();
            }
        }
    }

    fn reload(&self) {
        match read(&self.folder) {
            Ok(profiles) => {
                tracing::info!(folder = %self.folder.display(), "the device profiles have changed and are taken over");
                *self.current.lock().unwrap_or_else(PoisonError::into_inner) = profiles.into();
            }
            Err(faults) => {
                tracing::error!(
                    "the device profiles have changed and cannot be used; those before stay: {faults}"
                );
            }
        }
    }

    async fn look(&self) -> Sight {
        let folder = Arc::clone(&self.folder);
        let look = move || {
            let sight = own_files(&folder).into_iter().map(|path| {
                let meta = std::fs::metadata(&path).ok();
                let changed = meta.as_ref().and_then(|meta| meta.modified().ok());
                (path, changed, meta.map_or(0, |meta| meta.len()))
            });
            sight.collect()
        };
        tokio::task::spawn_blocking(look).await.unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_profiles_that_come_along_have_no_fault_and_are_all_of_the_folder() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("profiles");
        let names: Vec<String> = own_files(&folder)
            .iter()
            .map(|path| path.file_name().unwrap().to_string_lossy().into_owned())
            .collect();
        assert_eq!(names, BUILT_IN.map(|(name, _)| name.to_owned()));
        let profiles = read(Path::new("/nowhere")).unwrap();
        assert_eq!(profiles.len(), BUILT_IN.len());
        assert!(profiles.last().unwrap().object_ids.is_empty());
        let travelled = serde_json::to_string(&profiles).unwrap();
        let read: Vec<Profile> = serde_json::from_str(&travelled).unwrap();
        assert_eq!(read, profiles);
        assert!(travelled.len() < 16_000, "{} bytes in each plan", travelled.len());
    }

    #[test]
    fn the_profile_that_the_documentation_shows_is_valid() {
        let text = include_str!("../../docs/snmp.md");
        let sample = text.split("```toml\n").nth(1).and_then(|after| after.split("```").next()).unwrap();
        let profile = parse(sample).unwrap();
        assert_eq!(profile.tables[0].gauges.len(), 3);
    }

    #[test]
    fn every_faulty_file_is_told_with_its_place_and_an_own_file_goes_before_one_that_comes_along() {
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
        write("mikrotik.toml", "name = 'Lain'\ntable = []\n");
        write("catatan.txt", "no profile");
        let profiles = read(folder.path()).unwrap();
        assert_eq!(profiles.len(), BUILT_IN.len());
        assert!(profiles.iter().any(|profile| profile.name == "Lain"));

        write("a.toml", "name = 'A'\n[[table]]\noid = '1.3.6.1'\ngauge = [{ kind = 'rx_dbm', kolom = 1 }]\n");
        write("b.toml", "name = 'B'\n[[table]]\noid = '1.3.x'\ngauge = []\n");
        write("c.toml", "name = 'C'\n[[table]]\noid = '1.3.6'\n[[table.gauge]]\nkind = 'volts'\n");
        let faults = read(folder.path()).unwrap_err();
        let told: Vec<(String, Option<(usize, usize)>)> = faults
            .0
            .iter()
            .map(|fault| (fault.path.file_name().unwrap().to_string_lossy().into_owned(), fault.at))
            .collect();
        assert_eq!(
            told,
            [
                ("a.toml".into(), Some((4, 29))),
                ("b.toml".into(), Some((3, 7))),
                ("c.toml".into(), Some((4, 1)))
            ]
        );
        assert!(faults.to_string().contains("b.toml:3:7: '1.3.x' is no object identifier"), "{faults}");
        assert!(faults.to_string().contains("say `column` or `each`"), "{faults}");
    }

    #[test]
    fn a_profile_of_too_many_tables_and_one_that_a_plan_has_no_room_for_are_told_by_their_file() {
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
        let table = "[[table]]\noid = '1.3.6'\ngauge = [{ kind = 'volts', column = 1 }]\n";
        write("banyak.toml", &format!("name = 'Banyak'\n{}", table.repeat(MAX_TABLES)));
        read(folder.path()).unwrap();
        write("banyak.toml", &format!("name = 'Banyak'\n{}", table.repeat(MAX_TABLES + 1)));
        let faults = read(folder.path()).unwrap_err().to_string();
        assert!(faults.contains("banyak.toml: 65 tables are more than the 64"), "{faults}");

        std::fs::remove_file(folder.path().join("banyak.toml")).unwrap();
        let long = format!("name = 'Panjang'\ndescription_has = ['{}']\ntable = []\n", "x".repeat(250_000));
        let files = MAX_PROFILES_LENGTH / 250_000;
        (0..=files).for_each(|n| write(&format!("panjang-{n}.toml"), &long));
        let faults = read(folder.path()).unwrap_err();
        assert_eq!(faults.0.len(), 1, "{faults}");
        assert!(faults.to_string().contains("panjang-4.toml: with it the profiles are longer"), "{faults}");
        std::fs::remove_file(folder.path().join("panjang-4.toml")).unwrap();
        read(folder.path()).unwrap();
    }
}
