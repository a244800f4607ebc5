//! The first sheet: the network's summary and what it was computed from.

use rust_xlsxwriter::Worksheet;

use super::Book;
use crate::{PrintError, columns::Value, page::plain};

impl Book<'_> {
    pub(super) fn summary(&self, worksheet: &mut Worksheet) -> Result<(), PrintError> {
        let (report, voice, words) = (self.report, self.voice, self.voice.words);
        let mut sheet = self.sheet(worksheet, words.summary_short)?;
        let styles = sheet.styles;
        sheet.widths(&[48.0, 26.0, 80.0])?;
        sheet.say(0, 0, words.report, &styles.title)?;
        sheet.say(
            1,
            0,
            &format!("{} – {}", plain(&report.network), voice.month(report.month)),
            &styles.bold,
        )?;
        if report.as_of < report.period.to {
            sheet.say(2, 0, words.preliminary, &styles.text)?;
        }
        let mut at = 4;
        for (name, value) in self.facts() {
            sheet.say(at, 0, name, &styles.text)?;
            sheet.value(at, 1, &value)?;
            at += 1;
        }
        if !report.summary.figures.enough {
            sheet.say(3, 0, words.too_little, &styles.bold)?;
        }
        at += 1;
        sheet.say(at, 0, words.basis, &styles.bold)?;
        for (name, text) in self.basis() {
            at += 1;
            sheet.say(at, 0, name, &styles.text)?;
            sheet.say(at, 1, &text, &styles.text)?;
        }
        Ok(())
    }

    fn facts(&self) -> Vec<(&'static str, Value)> {
        let (report, words) = (self.report, self.voice.words);
        let all = &report.summary;
        let figures = &all.figures;
        let uptime = |percentage: Option<f64>| {
            percentage.filter(|_| figures.enough).map_or(Value::NotEnough, Value::Percent)
        };
        let seconds = |seconds: Option<f64>| seconds.map_or(Value::Nothing, Value::Seconds);
        let mut facts = vec![(words.network, Value::Text(report.network.clone()))];
        facts.extend(report.operator.clone().map(|operator| (words.operator, Value::Text(operator))));
        facts.extend([
            (words.month, Value::Text(self.voice.month(report.month))),
            (words.made_at, Value::Moment(report.seal.made_at)),
            (words.as_of, Value::Moment(report.as_of)),
            (words.zone, Value::Text(self.voice.zone(report.period.from, &report.timezone))),
            (words.site_count, Value::Count(all.sites as u64)),
            (words.uptime_lived, uptime(figures.uptime_pct)),
            (words.own_uptime_long, uptime(figures.own_uptime_pct)),
            (words.observed, figures.observed_pct.map_or(Value::Nothing, Value::Percent)),
            (words.outages, Value::Count(figures.outages.into())),
            (words.mttr_long, seconds(figures.mttr_s)),
            (words.mtbf_long, seconds(figures.mtbf_s.filter(|_| figures.enough))),
            (words.longest_long, Value::Seconds(figures.longest_s)),
            (words.power, Value::Seconds(figures.causes.power_s)),
            (words.link, Value::Seconds(figures.causes.link_s)),
            (words.undetermined, Value::Seconds(figures.causes.undetermined_s)),
            (words.promise_kept, Value::Count(all.sites_met as u64)),
            (words.enough, Value::Count(all.sites_enough as u64)),
        ]);
        facts.extend(all.median_uptime_pct.map(|median| (words.median, uptime(Some(median)))));
        facts.extend(all.population_uptime_pct.map(|weighted| (words.population, uptime(Some(weighted)))));
        facts
    }

    fn basis(&self) -> [(&'static str, String); 6] {
        let (seal, words) = (&self.report.seal, self.voice.words);
        [
            (
                words.journal,
                format!("{} {}, SHA-256 {}", words.entries_up_to, seal.journal_position, seal.journal_digest),
            ),
            (words.inventory, format!("SHA-256 {}", seal.inventory_digest)),
            (words.tzdata, plain(&seal.tzdata)),
            (words.version, plain(&seal.version)),
            (words.figures, format!("SHA-256 {}", seal.figures_digest)),
            (words.verify, "kentongan report --verify FILE".to_owned()),
        ]
    }
}
