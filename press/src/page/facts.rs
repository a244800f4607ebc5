//! What stands on the first pages: whose month it is, the network's summary, the place to sign; and at the end, what
//! all of it was computed from.

use kentongan_reports::CauseSplit;

use super::{Body, Cell, Column, Fact, Row, Section, Table, Tone, Writer, plain};

impl Writer<'_> {
    pub(super) fn about(&self) -> Vec<Fact> {
        let (report, words) = (self.report, self.voice.words);
        let mut facts = vec![fact(words.network, plain(&report.network))];
        facts.extend(report.operator.as_deref().map(|operator| fact(words.operator, plain(operator))));
        facts.extend([
            fact(words.month, self.voice.month(report.month)),
            fact(words.site_count, self.voice.count(report.sites.len())),
            fact(words.made_at, self.voice.moment(report.seal.made_at)),
            fact(words.as_of, self.voice.moment(report.as_of)),
            fact(words.zone, self.voice.zone(report.period.from, &report.timezone)),
        ]);
        facts
    }

    pub(super) fn summary(&self) -> Section {
        let (words, all) = (self.voice.words, &self.report.summary);
        let figures = &all.figures;
        let strong = |name, cell: Cell| Fact { name, tone: strength(cell.tone), text: cell.text };
        let usual = |name, cell: Cell| Fact { name, tone: cell.tone, text: cell.text };
        let mut facts = vec![
            strong(words.uptime_lived, self.uptime(figures, figures.uptime_pct)),
            usual(words.own_uptime_long, self.uptime(figures, figures.own_uptime_pct)),
            usual(words.observed, self.percent(figures.observed_pct)),
            fact(words.outages, self.voice.count(figures.outages)),
            usual(words.mttr_long, self.length(figures.mttr_s)),
            usual(words.mtbf_long, self.length(figures.mtbf_s.filter(|_| figures.enough))),
            usual(words.longest_long, self.length((figures.outages > 0).then_some(figures.longest_s))),
            strong(words.promise_kept, Cell::of(self.kept(all.sites_met, all.sites_enough, all.sites))),
        ];
        facts.extend(
            all.median_uptime_pct
                .map(|median| fact(words.median, self.voice.percent(median)))
                .filter(|_| figures.enough),
        );
        facts.extend(
            all.population_uptime_pct
                .map(|weighted| fact(words.population, self.voice.percent(weighted)))
                .filter(|_| figures.enough),
        );
        let note = (!figures.enough).then(|| words.too_little.to_owned());
        Section { title: words.summary, note, body: Body::Facts { facts }, apart: false }
    }

    /// `212 dari 236 (3 data kurang)`.
    pub(super) fn kept(&self, met: usize, enough: usize, all: usize) -> String {
        let (voice, words) = (self.voice, self.voice.words);
        let kept = format!("{} {} {}", voice.count(met), words.of, voice.count(enough));
        match all.saturating_sub(enough) {
            0 => kept,
            missing => format!("{kept} ({} {})", voice.count(missing), words.not_enough),
        }
    }

    pub(super) fn causes(&self) -> Section {
        let (voice, words) = (self.voice, self.voice.words);
        let CauseSplit { power_s, link_s, undetermined_s } = self.report.summary.figures.causes;
        let all = power_s + link_s + undetermined_s;
        let rows = [(words.power, power_s), (words.link, link_s), (words.undetermined, undetermined_s)];
        let rows = rows.into_iter().map(|(name, seconds)| {
            let share = if all > 0.0 { Cell::of(voice.share(100.0 * seconds / all)) } else { self.none() };
            Row::of(vec![Cell::of(name), Cell::of(voice.length(seconds)), share])
        });
        let columns = vec![
            Column::words(words.cause, 3.0),
            Column::number(words.length, 2.0),
            Column::number(words.share, 1.5),
        ];
        let table = Table { columns, rows: rows.collect() };
        Section { title: words.causes, note: None, body: Body::Table(table), apart: false }
    }

    pub(super) fn signature(&self) -> Section {
        let words = self.voice.words;
        let body = Body::Signature {
            place: words.signed_place,
            by: words.signed_by,
            name: words.signed_name,
            number: words.signed_number,
        };
        Section { title: "", note: None, body, apart: false }
    }

    pub(super) fn basis(&self) -> Section {
        let (report, seal, words) = (self.report, &self.report.seal, self.voice.words);
        let position = self.voice.count(u64::try_from(seal.journal_position).unwrap_or(0));
        let facts = vec![
            fact(
                words.journal,
                format!("{} {position}, SHA-256 {}", words.entries_up_to, grouped(&seal.journal_digest)),
            ),
            fact(words.inventory, format!("SHA-256 {}", grouped(&seal.inventory_digest))),
            fact(words.tzdata, plain(&seal.tzdata)),
            fact(words.version, plain(&seal.version)),
            fact(words.made_at, self.voice.moment(report.seal.made_at)),
            fact(words.figures, format!("SHA-256 {}", grouped(&seal.figures_digest))),
            fact(words.verify, "kentongan report --verify FILE".to_owned()),
        ];
        Section { title: words.basis, note: None, body: Body::Facts { facts }, apart: false }
    }
}

fn fact(name: &'static str, text: String) -> Fact {
    Fact { name, text, tone: Tone::Plain }
}

fn strength(tone: Tone) -> Tone {
    if tone == Tone::Plain { Tone::Strong } else { tone }
}

/// A digest in groups of eight digits, which can be compared by eye and broken between lines.
fn grouped(digest: &str) -> String {
    let digits: Vec<char> = digest.chars().collect();
    digits.chunks(8).map(|group| group.iter().collect::<String>()).collect::<Vec<_>>().join(" ")
}
