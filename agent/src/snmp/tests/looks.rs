//! Gauges from look to look: what a device's tables hold, what of them fails, and what the collector is told of it.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use kentongan_model::{
    plan::PlanRevision,
    profile::{ObjectId, Profile},
    time::{BootId, Clock, Stamp, Timestamp},
    wire::Gauge,
};

use super::{
    super::{gauges::Gauges, survey::survey},
    PATIENCE,
    fake::{Fake, GET_BULK, Question, Value, integer, text},
    planned, v2c,
};

/// Its time stands still but for so many seconds each time that it is looked at.
#[derive(Debug, Default)]
struct Steps {
    now: AtomicU64,
    step: AtomicU64,
}

impl Clock for Steps {
    fn now(&self) -> Timestamp {
        Timestamp::default()
    }

    fn stamp(&self) -> Stamp {
        Stamp { boot: BootId(1), mono_ms: 0, wall: Timestamp::default() }
    }

    fn since_boot(&self) -> Duration {
        let step = self.step.load(Ordering::Relaxed);
        Duration::from_secs(10_000 + self.now.fetch_add(step, Ordering::Relaxed))
    }
}

/// So many tables of light: names in column 1, light in column 2.
fn tables(count: u32) -> [Profile; 1] {
    let table = |n| {
        format!(
            "[[table]]\noid = '1.3.6.1.4.1.99999.{n}'\nplace = '{{column 1}}'\ngauge = [{{ kind = 'rx_dbm', column = 2, none = [0] }}]\n"
        )
    };
    let text = (1..=count).map(table).collect::<String>();
    [toml::from_str(&format!("name = 'OLT'\n{text}")).unwrap()]
}

fn at(table: u32, column: u32, row: u32) -> Vec<u8> {
    let oid: ObjectId = format!("1.3.6.1.4.1.99999.{table}.{column}.{row}").parse().unwrap();
    oid.as_ber().to_vec()
}

/// A row with its name and its light.
fn row(table: u32, row: u32, name: &str, light: u8) -> [(Vec<u8>, Value); 2] {
    [(at(table, 1, row), text(name)), (at(table, 2, row), integer(light))]
}

/// Whether a question is about this table.
fn is_about(question: &Question, table: u32) -> bool {
    let oid: ObjectId = format!("1.3.6.1.4.1.99999.{table}").parse().unwrap();
    question.oids.iter().any(|asked| asked.starts_with(oid.as_ber()))
}

struct Looking {
    gauges: Gauges,
    profiles: [Profile; 1],
    clock: Steps,
}

impl Looking {
    fn at(fake: &Fake, tables_of: u32) -> Looking {
        let planned = Arc::new(planned(fake.port, v2c("public"), &[]));
        let gauges = Gauges::new(planned, &Arc::default(), PATIENCE);
        Looking { gauges, profiles: tables(tables_of), clock: Steps::default() }
    }

    async fn look(&mut self) -> Vec<Gauge> {
        self.gauges.look(&self.profiles, (PlanRevision(1), 0), &self.clock).await
    }

    /// Looks, and tells of each value under which name it goes, if one is told.
    async fn told(&mut self) -> Vec<(Option<String>, i64)> {
        self.look()
            .await
            .into_iter()
            .map(|gauge| (gauge.label.map(|label| label.place), gauge.value / 1_000))
            .collect()
    }

    fn pass(&self, seconds: u64) {
        self.clock.now.fetch_add(seconds, Ordering::Relaxed);
    }
}

fn named(name: &str, value: i64) -> (Option<String>, i64) {
    (Some(name.to_owned()), value)
}

#[tokio::test]
async fn light_that_comes_back_after_a_cut_is_told_with_its_name() {
    let fake = Fake::start([row(1, 1, "pon1", 0), row(1, 2, "pon2", 5)].into_iter().flatten()).await;
    let mut looking = Looking::at(&fake, 1);
    assert_eq!(looking.told().await, [named("pon2", 5)]);
    fake.set(at(1, 2, 1), Some(integer(4)));
    assert_eq!(looking.told().await, [named("pon1", 4), (None, 5)]);
    assert_eq!(looking.told().await, [(None, 4), (None, 5)]);
    // And an hour later again, when it is lit again.
    fake.set(at(1, 2, 1), Some(integer(0)));
    looking.pass(3_600);
    assert_eq!(looking.told().await, [named("pon2", 5)]);
    fake.set(at(1, 2, 1), Some(integer(3)));
    assert_eq!(looking.told().await, [named("pon1", 3), (None, 5)]);
}

#[tokio::test]
async fn a_table_that_fails_costs_no_other_and_is_not_asked_for_again_before_the_next_finding() {
    type Fault = fn(&Question, Vec<u8>) -> Vec<Vec<u8>>;
    let faults: [(&str, Fault); 3] = [
        ("no answer", |_, _| vec![]),
        ("genErr", |question, _| vec![question.reply(5, 1, &[])]),
        ("garbage", |question, _| vec![question.reply(0, 0, &[])]),
    ];
    for (name, fault) in faults {
        let rows = [row(1, 1, "pon1", 1), row(2, 1, "pon2", 2), row(3, 1, "pon3", 3)];
        let fake = Fake::start(rows.into_iter().flatten()).await;
        fake.behave(
            move |question, honest| {
                if is_about(question, 2) { fault(question, honest) } else { vec![honest] }
            },
        );
        let mut looking = Looking::at(&fake, 3);
        assert_eq!(looking.told().await, [named("pon1", 1), named("pon3", 3)], "{name}");
        fake.questions();
        assert_eq!(looking.told().await, [(None, 1), (None, 3)], "{name}");
        assert!(fake.questions().iter().all(|question| question.kind != GET_BULK), "{name}");
        fake.behave_well();
        looking.pass(3_600);
        assert_eq!(looking.told().await, [named("pon1", 1), named("pon3", 3), named("pon2", 2)], "{name}");
    }
}

#[tokio::test]
async fn what_is_found_before_a_device_goes_silent_or_before_it_is_late_stays() {
    let rows: Vec<_> = (1..=6).flat_map(|table| row(table, 1, &format!("pon{table}"), table as u8)).collect();
    let fake = Fake::start(rows).await;
    let mut looking = Looking::at(&fake, 6);
    // Each table takes 25 seconds.
    looking.clock.step.store(25, Ordering::Relaxed);
    assert_eq!(looking.told().await, [named("pon1", 1), named("pon2", 2)]);
    assert!(looking.gauges.is_slow);
    assert_eq!(looking.told().await, [named("pon3", 3), named("pon4", 4), (None, 1), (None, 2)].sorted());
    looking.told().await;
    looking.clock.step.store(0, Ordering::Relaxed);
    assert_eq!(looking.look().await.len(), 6);

    fake.behave(|_, _| vec![]);
    assert_eq!(looking.told().await, []);
    fake.behave_well();
    fake.questions();
    assert_eq!(looking.told().await, (1..=6).map(|n| (None, n)).collect::<Vec<_>>());
    assert_eq!(fake.questions().len(), 1, "nothing is found again");
}

#[tokio::test]
async fn ports_of_one_description_are_all_read_and_shown_as_they_are_read() {
    let rows =
        [row(1, 7, "sensor", 1), row(1, 8, "sensor", 2), row(1, 9, "fan", 3), row(2, 7, "sensor #8", 9)];
    let fake = Fake::start(rows.into_iter().flatten()).await;
    let mut looking = Looking::at(&fake, 2);
    let told = looking.told().await;
    assert_eq!(told, [named("sensor #7", 1), named("sensor #8", 2), named("fan", 3)]);
    let address = ([127, 0, 0, 1], fake.port).into();
    let survey =
        survey(Arc::default(), address, &v2c("public"), &looking.profiles, PATIENCE, Duration::ZERO).await;
    let shown: Vec<String> = survey.unwrap().gauges.into_iter().map(|seen| seen.label.place).collect();
    assert_eq!(shown, ["sensor #7", "sensor #8", "fan", "sensor #8"]);
}

#[tokio::test]
async fn a_device_that_knows_no_getbulk_is_walked_row_by_row_and_not_asked_so_again() {
    let rows = (1..=5).flat_map(|n| row(1, n, &format!("pon{n}"), n as u8));
    let fake = Fake::start(rows.chain(row(2, 1, "ge1", 6))).await;
    fake.behave(|question, honest| if question.kind == GET_BULK { vec![] } else { vec![honest] });
    let mut looking = Looking::at(&fake, 2);
    let told = looking.told().await;
    assert_eq!(told.len(), 6, "{told:?}");
    let asked = fake.questions();
    let bulk: Vec<&Question> = asked.iter().filter(|question| question.kind == GET_BULK).collect();
    assert_eq!(bulk.len(), 2, "ten rows, four, and then one at a time");
    assert!(!bulk.iter().any(|question| is_about(question, 2)));
}

trait Sorted {
    fn sorted(self) -> Self;
}

impl<const N: usize> Sorted for [(Option<String>, i64); N] {
    fn sorted(mut self) -> Self {
        self.sort_by_key(|(_, value)| *value);
        self
    }
}
