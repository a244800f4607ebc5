//! The lists: every site, every outage, the contracts, what they left out, and every day.

use std::collections::BTreeMap;

use kentongan_model::id::SiteId;
use kentongan_reports::{ContractResult, Outage, SiteReport};
use rust_xlsxwriter::Worksheet;

use super::Book;
use crate::{
    PrintError,
    columns::{COLUMNS, Value},
    strip::Mark,
};

impl Book<'_> {
    pub(super) fn sites(&self, worksheet: &mut Worksheet) -> Result<(), PrintError> {
        let words = self.voice.words;
        let mut sheet = self.sheet(worksheet, words.site)?;
        let width = |key: &str| match key {
            "name" | "days" => 34.0,
            "site" | "provider" | "from" | "to" => 20.0,
            _ => 13.0,
        };
        let columns: Vec<_> =
            COLUMNS.iter().map(|column| ((column.title)(words), width(column.key))).collect();
        sheet.list(&columns, self.report.sites.len())?;
        for (row, site) in (1..).zip(&self.report.sites) {
            let values: Vec<_> = COLUMNS.iter().map(|column| (column.value)(site, self.voice)).collect();
            sheet.row(row, &values)?;
        }
        Ok(())
    }

    pub(super) fn outages(&self, worksheet: &mut Worksheet) -> Result<(), PrintError> {
        let words = self.voice.words;
        let mut sheet = self.sheet(worksheet, words.outages)?;
        let columns = [
            (words.site_id, 20.0),
            (words.site, 34.0),
            (words.kind, 13.0),
            (words.kecamatan, 20.0),
            (words.provider, 20.0),
            (words.from, 20.0),
            (words.to, 20.0),
            (words.length, 13.0),
            (words.cause, 20.0),
            (words.root, 34.0),
        ];
        let rows =
            self.report.sites.iter().flat_map(|site| site.outages.iter().map(move |outage| (site, outage)));
        let names = self.names();
        sheet.list(&columns, rows.clone().count())?;
        for (row, (site, outage)) in (1..).zip(rows) {
            let mut values = self.place(site);
            values.extend(self.outage(outage, outage.counted_s));
            values.push(Value::Text(self.roots(&names, outage)));
            sheet.row(row, &values)?;
        }
        Ok(())
    }

    pub(super) fn contracts(&self, worksheet: &mut Worksheet) -> Result<(), PrintError> {
        let words = self.voice.words;
        let mut sheet = self.sheet(worksheet, words.contracts)?;
        let columns = [
            (words.provider, 34.0),
            (words.target, 13.0),
            (words.lived, 16.0),
            (words.counted, 16.0),
            (words.result, 16.0),
            (words.restitution, 16.0),
            (words.site_count, 13.0),
            (words.sites_missed, 16.0),
            (words.why_maintenance, 18.0),
            (words.why_off_hours, 18.0),
            (words.why_short, 18.0),
            (words.why_cause, 18.0),
            (words.why_elsewhere, 18.0),
        ];
        sheet.list(&columns, self.report.contracts.len())?;
        for (row, contract) in (1..).zip(&self.report.contracts) {
            sheet.row(row, &self.contract(contract))?;
        }
        Ok(())
    }

    fn contract(&self, contract: &ContractResult) -> Vec<Value> {
        use kentongan_reports::LeftOut::{Cause, Elsewhere, Maintenance, OffHours, Short};
        let uptime = |percentage: Option<f64>| {
            percentage.filter(|_| contract.met.is_some()).map_or(Value::NotEnough, Value::Percent)
        };
        let left_out = [Maintenance, OffHours, Short, Cause, Elsewhere].map(|why| {
            Value::Count(contract.left_out.get(&why).map_or(0, |(outages, _)| u64::from(*outages)))
        });
        let mut values = vec![
            Value::Text(contract.provider.clone()),
            Value::Percent(contract.target),
            uptime(contract.lived_uptime_pct),
            uptime(contract.uptime_pct),
            Value::Text(self.voice.words.verdict(contract.met).to_owned()),
            contract.restitution_pct.map_or(Value::Nothing, Value::Percent),
            Value::Count(contract.sites as u64),
            Value::Count(contract.sites_missed as u64),
        ];
        values.extend(left_out);
        values
    }

    pub(super) fn left_out(&self, worksheet: &mut Worksheet) -> Result<(), PrintError> {
        let words = self.voice.words;
        let mut sheet = self.sheet(worksheet, words.left_out)?;
        let columns = [
            (words.site_id, 20.0),
            (words.site, 34.0),
            (words.kind, 13.0),
            (words.kecamatan, 20.0),
            (words.provider, 20.0),
            (words.from, 20.0),
            (words.to, 20.0),
            (words.length, 13.0),
            (words.cause, 20.0),
            (words.why, 34.0),
            (words.root, 34.0),
        ];
        let rows = self.report.sites.iter().flat_map(|site| {
            site.contract
                .iter()
                .flat_map(move |contract| contract.left_out.iter().map(move |out| (site, out)))
        });
        let names = self.names();
        sheet.list(&columns, rows.clone().count())?;
        for (row, (site, excluded)) in (1..).zip(rows) {
            let mut values = self.place(site);
            values.extend(self.outage(&excluded.outage, excluded.left_out_s));
            values.push(Value::Text(words.why(excluded.why).to_owned()));
            values.push(Value::Text(self.roots(&names, &excluded.outage)));
            sheet.row(row, &values)?;
        }
        Ok(())
    }

    pub(super) fn daily(&self, worksheet: &mut Worksheet) -> Result<(), PrintError> {
        let words = self.voice.words;
        let mut sheet = self.sheet(worksheet, words.daily)?;
        let days = self.report.sites.iter().map(|site| site.days.len()).max().unwrap_or(0);
        let numbers: Vec<String> = (1..=days).map(|day| day.to_string()).collect();
        let mut columns = vec![(words.site_id, 20.0), (words.site, 34.0), (words.uptime, 13.0)];
        columns.extend(numbers.iter().map(|day| (day.as_str(), 3.4)));
        sheet.list(&columns, self.report.sites.len())?;
        for (row, site) in (1..).zip(&self.report.sites) {
            let uptime = site.figures.uptime_pct.filter(|_| site.figures.enough);
            let uptime = uptime.map_or(Value::NotEnough, Value::Percent);
            sheet.row(row, &[Value::Text(site.id.to_string()), Value::Text(site.name.clone()), uptime])?;
            for (at, day) in site.days.iter().enumerate() {
                sheet.mark(row, 3 + at, Mark::of(day))?;
            }
        }
        let below = u32::try_from(self.report.sites.len()).unwrap_or(u32::MAX).saturating_add(3);
        for (row, mark) in (below..).zip(Mark::ALL) {
            sheet.mark(row, 0, mark)?;
            let styles = sheet.styles;
            sheet.say(row, 1, mark.meaning(words), &styles.text)?;
        }
        Ok(())
    }

    fn place(&self, site: &SiteReport) -> Vec<Value> {
        let text = |text: Option<&String>| text.map_or(Value::Nothing, |text| Value::Text(text.clone()));
        vec![
            Value::Text(site.id.to_string()),
            Value::Text(site.name.clone()),
            Value::Text(self.voice.words.kind(site.kind).to_owned()),
            text(site.kecamatan.as_ref()),
            text(site.provider.as_ref()),
        ]
    }

    fn outage(&self, outage: &Outage, seconds: f64) -> [Value; 4] {
        [
            Value::Moment(outage.span.from),
            Value::Moment(outage.span.to),
            Value::Seconds(seconds),
            Value::Text(self.voice.words.cause(outage.cause).to_owned()),
        ]
    }

    fn names(&self) -> BTreeMap<&SiteId, &str> {
        self.report.sites.iter().map(|site| (&site.id, site.name.as_str())).collect()
    }

    fn roots(&self, names: &BTreeMap<&SiteId, &str>, outage: &Outage) -> String {
        let roots = outage.roots.iter().map(|root| names.get(root).copied().unwrap_or(root.as_str()));
        roots.collect::<Vec<_>>().join(", ")
    }
}
