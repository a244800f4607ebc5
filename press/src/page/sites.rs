//! The sites: the worst ten, the groups, every site with its figures, and every site's month as a strip.

use kentongan_model::state::Kind;
use kentongan_reports::{GroupReport, SiteReport};

use super::{Body, Cell, Column, Row, Section, Sign, StripRow, Strips, Table, Tone, Writer, plain};
use crate::strip::{Mark, runs, signs};

impl Writer<'_> {
    pub(super) fn worst(&self) -> Section {
        let sites = self.report.worst.iter().filter_map(|id| self.sites.get(id));
        let rows = sites.map(|site| self.figures(site)).collect();
        let table = Table { columns: self.columns(), rows };
        Section { title: self.voice.words.worst, note: None, body: Body::Table(table), apart: false }
    }

    pub(super) fn groups(&self) -> Option<Section> {
        let words = self.voice.words;
        let title = match self.report.by.as_str() {
            "kecamatan" => words.by_kecamatan,
            "kind" => words.by_kind,
            "provider" => words.by_provider,
            _ => words.group,
        };
        let columns = vec![
            Column::words(words.group, 2.6),
            Column::number(words.uptime, 1.2),
            Column::number(words.own, 1.2),
            Column::number(words.observed, 1.2),
            Column::number(words.middle, 1.2),
            Column::words(words.worst_site, 2.2),
            Column::number(words.outages, 1.2),
            Column::number(words.mttr, 1.3),
            Column::number(words.kept, 1.6),
        ];
        let rows: Vec<_> = self.report.groups.iter().map(|group| self.group(group)).collect();
        let body = Body::Table(Table { columns, rows });
        (!self.report.groups.is_empty()).then_some(Section { title, note: None, body, apart: false })
    }

    fn group(&self, group: &GroupReport) -> Row {
        let (voice, figures) = (self.voice, &group.figures);
        let sites = format!("{}: {}", voice.words.site_count, voice.count(group.sites));
        let worst = group.worst_site.as_ref().map_or_else(|| self.none(), |id| Cell::of(self.name(id)));
        Row::of(vec![
            Cell::of(plain(&group.name)).with(sites),
            self.uptime(figures, figures.uptime_pct),
            self.uptime(figures, figures.own_uptime_pct),
            self.percent(figures.observed_pct),
            self.percent(group.median_uptime_pct.filter(|_| figures.enough)),
            worst,
            Cell::of(voice.count(figures.outages)),
            self.length(figures.mttr_s),
            Cell::of(self.kept(group.sites_met, group.sites_enough, group.sites)),
        ])
    }

    pub(super) fn sites(&self) -> Section {
        let mut rows = Vec::with_capacity(self.report.sites.len() + Kind::ALL.len());
        for sites in self.kinds() {
            rows.push(Row::across(self.band(sites)));
            rows.extend(sites.iter().map(|site| self.figures(site)));
        }
        let table = Table { columns: self.columns(), rows };
        Section { title: self.voice.words.sites, note: None, body: Body::Table(table), apart: true }
    }

    /// The sites, which are sorted by kind, kind by kind.
    fn kinds(&self) -> impl Iterator<Item = &[SiteReport]> {
        self.report.sites.chunk_by(|one, next| one.kind == next.kind)
    }

    fn band(&self, sites: &[SiteReport]) -> String {
        let kind = sites.first().map_or(Kind::Desa, |site| site.kind);
        format!("{} ({})", self.voice.words.kind(kind), self.voice.count(sites.len()))
    }

    fn contracted(&self) -> bool {
        self.report.sites.iter().any(|site| site.contract.is_some())
    }

    fn columns(&self) -> Vec<Column> {
        let words = self.voice.words;
        let mut columns = vec![
            Column::words(words.site, 2.9),
            Column::number(words.uptime, 1.5),
            Column::number(words.own, 1.2),
            Column::number(words.observed, 1.2),
            Column::number(words.outages, 1.3),
            Column::number(words.mttr, 1.2),
            Column::number(words.mtbf, 1.2),
            Column::number(words.longest, 1.2),
            Column::number(words.target, 0.9),
            Column::words(words.result, 1.3),
        ];
        if self.contracted() {
            columns.push(Column::number(words.counted, 1.3));
        }
        columns
    }

    fn figures(&self, site: &SiteReport) -> Row {
        let (voice, figures) = (self.voice, &site.figures);
        let mut cells = vec![
            Cell::of(plain(&site.name)).with(self.place(site)),
            self.uptime(figures, figures.uptime_pct),
            self.percent(figures.own_uptime_pct.filter(|_| figures.enough)),
            self.percent(figures.observed_pct),
            Cell::of(voice.count(figures.outages)),
            self.length(figures.mttr_s),
            self.length(figures.mtbf_s.filter(|_| figures.enough)),
            self.length((figures.outages > 0).then_some(figures.longest_s)),
            Cell::of(voice.agreed(site.sla)),
            self.verdict(site.sla_met),
        ];
        if self.contracted() {
            cells.push(site.contract.as_ref().map_or_else(
                || self.none(),
                |contract| {
                    let cell = self.uptime(figures, contract.uptime_pct);
                    if contract.met == Some(false) { Cell { tone: Tone::Bad, ..cell } } else { cell }
                },
            ));
        }
        Row::of(cells)
    }

    /// Where a site is and who connects it, in small letters.
    fn place(&self, site: &SiteReport) -> String {
        let hours = site.service_hours.then(|| self.voice.words.service_hours.to_owned());
        let kecamatan = site.kecamatan.as_deref().filter(|_| site.kind != Kind::Kecamatan).map(plain);
        let provider = site.provider.as_deref().map(plain);
        [Some(site.id.to_string()), kecamatan, provider, hours]
            .into_iter()
            .flatten()
            .collect::<Vec<_>>()
            .join(" · ")
    }

    pub(super) fn strips(&self) -> Section {
        let words = self.voice.words;
        let mut rows = Vec::with_capacity(self.report.sites.len() + Kind::ALL.len());
        for sites in self.kinds() {
            rows.push(StripRow {
                name: self.band(sites),
                uptime: Cell::default(),
                runs: Vec::new(),
                signs: String::new(),
            });
            rows.extend(sites.iter().map(|site| StripRow {
                name: plain(&site.name),
                uptime: self.uptime(&site.figures, site.figures.uptime_pct),
                runs: runs(&site.days),
                signs: signs(&site.days),
            }));
        }
        let days = self.report.sites.iter().map(|site| site.days.len()).max().unwrap_or(0);
        let legend = Mark::ALL.into_iter().map(|mark| Sign {
            mark,
            sign: mark.sign(),
            paper: mark.paper(),
            ink: mark.ink(),
            meaning: mark.meaning(words),
        });
        let strips = Strips { site: words.site, uptime: words.uptime, days, legend: legend.collect(), rows };
        Section { title: words.month_picture, note: None, body: Body::Strips(strips), apart: true }
    }
}
