//! The contracts: what the villages lived through beside what each contract counts, and the annex of every outage that
//! a contract left out, with why.

use kentongan_reports::{ContractResult, Excluded, SiteReport};

use super::{Body, Cell, Column, Row, Section, Table, Tone, Writer, plain};

impl Writer<'_> {
    pub(super) fn contracts(&self) -> Option<Section> {
        let words = self.voice.words;
        let contracts = &self.report.contracts;
        let columns = vec![
            Column::words(words.provider, 2.6),
            Column::number(words.target, 1.0),
            Column::number(words.lived, 1.3),
            Column::number(words.counted, 1.3),
            Column::words(words.result, 1.4),
            Column::number(words.restitution, 1.4),
            Column::words(words.left_out, 2.4),
        ];
        let table =
            Table { columns, rows: contracts.iter().map(|contract| self.contract(contract)).collect() };
        let body = Body::Table(table);
        let note = Some(words.contracts_note.to_owned());
        (!contracts.is_empty()).then_some(Section { title: words.contracts, note, body, apart: false })
    }

    fn contract(&self, contract: &ContractResult) -> Row {
        let (voice, words) = (self.voice, self.voice.words);
        let enough = contract.met.is_some();
        let percent = |percentage: Option<f64>| match percentage.filter(|_| enough) {
            Some(percentage) => Cell::of(voice.percent(percentage)),
            None => Cell { text: words.not_enough.to_owned(), tone: Tone::Faint, small: None },
        };
        let missed = (contract.sites_missed > 0).then(|| {
            let [missed, all] = [contract.sites_missed, contract.sites].map(|count| voice.count(count));
            format!("{missed} {} {all} {}", words.of, words.sites_missed)
        });
        let sites =
            missed.unwrap_or_else(|| format!("{}: {}", words.site_count, voice.count(contract.sites)));
        let restitution = match contract.restitution_pct {
            Some(given) => Cell::of(voice.share(given)).with(words.of_price),
            None => self.none(),
        };
        Row::of(vec![
            Cell::of(plain(&contract.provider)).with(sites),
            Cell::of(voice.agreed(contract.target)),
            percent(contract.lived_uptime_pct),
            Cell { tone: Tone::Strong, ..percent(contract.uptime_pct) },
            self.verdict(contract.met),
            match contract.restitution {
                Some(rate) if contract.restitution_pct.is_none() => {
                    restitution.with(format!("{} {}", voice.agreed(rate), words.per_percent))
                }
                _ => restitution,
            },
            Cell::of(self.left_out(contract)).with(self.rules(contract)),
        ])
    }

    /// How many outages were left out, by why.
    fn left_out(&self, contract: &ContractResult) -> String {
        let (voice, words) = (self.voice, self.voice.words);
        let said = contract.left_out.iter().map(|(why, (outages, seconds))| {
            format!("{}× {} ({})", voice.count(*outages), words.why(*why), voice.length(*seconds))
        });
        let said: Vec<_> = said.collect();
        if said.is_empty() { words.none.to_owned() } else { said.join("; ") }
    }

    /// What the contract does not count.
    fn rules(&self, contract: &ContractResult) -> String {
        let (voice, words) = (self.voice, self.voice.words);
        let short = (contract.min_outage_s > 0.0)
            .then(|| format!("{} {}", words.shorter_than, voice.length(contract.min_outage_s)));
        let causes = contract.not_counted.iter().map(|cause| words.cause(*cause).to_owned());
        let rules: Vec<_> = short.into_iter().chain(causes).collect();
        if rules.is_empty() { String::new() } else { format!("{}: {}", words.left_out, rules.join(", ")) }
    }

    /// Every outage that a contract left out; nothing where there are no contracts.
    pub(super) fn annex(&self) -> Option<Section> {
        let words = self.voice.words;
        let rows: Vec<_> = self
            .report
            .sites
            .iter()
            .flat_map(|site| {
                site.contract
                    .iter()
                    .flat_map(move |contract| contract.left_out.iter().map(move |out| (site, out)))
            })
            .map(|(site, out)| self.excluded(site, out))
            .collect();
        let columns = vec![
            Column::words(words.site, 2.4),
            Column::words(words.provider, 1.3),
            Column::words(words.from, 1.7),
            Column::words(words.to, 1.7),
            Column::number(words.length, 1.2),
            Column::words(words.cause, 1.4),
            Column::words(words.why, 2.3),
        ];
        let (note, body) = if rows.is_empty() {
            (Some(words.annex_none.to_owned()), Body::Nothing)
        } else {
            (None, Body::Table(Table { columns, rows }))
        };
        let apart = matches!(body, Body::Table(_));
        (!self.report.contracts.is_empty()).then_some(Section { title: words.annex, note, body, apart })
    }

    fn excluded(&self, site: &SiteReport, excluded: &Excluded) -> Row {
        let (voice, words, outage) = (self.voice, self.voice.words, &excluded.outage);
        let elsewhere: Vec<_> =
            outage.roots.iter().filter(|root| **root != site.id).map(|root| self.name(root)).collect();
        let root = if elsewhere.is_empty() {
            String::new()
        } else {
            format!("{}: {}", words.root, elsewhere.join(", "))
        };
        let provider =
            site.provider.as_deref().map_or_else(|| self.none(), |provider| Cell::of(plain(provider)));
        Row::of(vec![
            Cell::of(plain(&site.name)),
            provider,
            Cell::of(voice.instant(outage.span.from)),
            Cell::of(voice.instant(outage.span.to)),
            Cell::of(voice.length(excluded.left_out_s)),
            Cell::of(words.cause(outage.cause)),
            Cell::of(words.why(excluded.why)).with(root),
        ])
    }
}
