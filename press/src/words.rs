//! Every word that a report says, in both languages, side by side: a word that one language lacks does not compile.
//!
//! The one place for words in this room: formats take them from here, so that PDF, page and workbook say the same.

use kentongan_model::{
    inventory::Language,
    state::{Cause, Kind},
};
use kentongan_reports::LeftOut;

macro_rules! words {
    ($($name:ident: $indonesian:literal, $english:literal;)*) => {
        /// What a report says.
        #[derive(Debug)]
        pub(crate) struct Words {
            $(pub(crate) $name: &'static str,)*
        }

        static INDONESIAN: Words = Words { $($name: $indonesian,)* };
        static ENGLISH: Words = Words { $($name: $english,)* };
    };
}

words! {
    code: "id", "en";
    report: "Laporan ketersediaan jaringan", "Network availability report";
    preliminary: "Bulan ini belum selesai; semua angka masih sementara.",
        "This month is not over; all figures are preliminary.";
    network: "Jaringan", "Network";
    operator: "Penyelenggara", "Operator";
    month: "Bulan", "Month";
    made_at: "Dihitung pada", "Computed on";
    as_of: "Data diketahui sampai", "Known until";
    zone: "Zona waktu", "Time zone";
    site_count: "Jumlah lokasi", "Sites";
    summary: "Ringkasan jaringan", "The network's summary";
    summary_short: "Ringkasan", "Summary";
    uptime: "Ketersediaan", "Uptime";
    uptime_lived: "Ketersediaan (yang dialami desa)", "Uptime (what the villages lived through)";
    own_uptime: "Ketersediaan sendiri", "Own uptime";
    own_uptime_long: "Ketersediaan sendiri (tanpa gangguan dari hulu)", "Own uptime (faults further up aside)";
    own: "Sendiri", "Own";
    observed: "Teramati", "Observed";
    outages: "Gangguan", "Outages";
    mttr: "MTTR", "MTTR";
    mttr_long: "Rata-rata lama gangguan (MTTR)", "Mean length of an outage (MTTR)";
    mtbf: "MTBF", "MTBF";
    mtbf_long: "Rata-rata waktu di antara gangguan (MTBF)", "Mean time between outages (MTBF)";
    longest: "Terlama", "Longest";
    longest_long: "Gangguan terlama", "The longest outage";
    median: "Nilai tengah semua lokasi", "Median of the sites";
    population: "Ketersediaan menurut jumlah penduduk", "Uptime weighted by population";
    promise_kept: "Lokasi yang memenuhi target", "Sites that met their target";
    kept: "Memenuhi target", "Met target";
    causes: "Lama gangguan menurut sebab", "Time of outage by cause";
    cause: "Sebab", "Cause";
    power: "listrik padam", "power lost";
    link: "jalur putus", "link cut";
    undetermined: "sebab belum terbukti", "cause not proved";
    share: "Bagian", "Share";
    length: "Lama", "Length";
    not_enough: "data kurang", "not enough data";
    too_little: "Kurang dari 90 % bulan ini teramati: data kurang untuk menyebut angka ketersediaan.",
        "Less than 90 % of this month was observed: not enough data to give an uptime.";
    of: "dari", "of";
    contracts: "Kontrak", "Contracts";
    contracts_note: "Yang dialami desa dihitung dari semua gangguan; kontrak hanya menghitung gangguan yang disepakati. \
        Setiap gangguan yang tidak dihitung kontrak ada di lampiran, dengan alasannya.",
        "What the villages lived through counts every outage; a contract counts those agreed upon. Every outage that a \
        contract leaves out is in the annex, with the reason.";
    provider: "Penyedia", "Provider";
    target: "Target", "Target";
    lived: "Yang dialami desa", "Lived through";
    counted: "Menurut kontrak", "By contract";
    result: "Hasil", "Result";
    restitution: "Restitusi", "Restitution";
    of_price: "dari harga sebulan", "of the month's price";
    per_percent: "per persen yang kurang", "for each percent missed";
    left_out: "Tidak dihitung", "Left out";
    sites_missed: "lokasi di bawah target", "sites below target";
    shorter_than: "di bawah", "shorter than";
    met: "tercapai", "met";
    target_met: "Target tercapai", "Target met";
    missed: "tidak tercapai", "missed";
    worst: "Sepuluh lokasi dengan ketersediaan terendah", "The ten sites with the lowest uptime";
    by_kecamatan: "Per kecamatan", "By kecamatan";
    by_kind: "Per jenis lokasi", "By kind of site";
    by_provider: "Per penyedia", "By provider";
    group: "Kelompok", "Group";
    middle: "Nilai tengah", "Median";
    worst_site: "Terendah", "Lowest";
    sites: "Setiap lokasi", "Every site";
    site: "Lokasi", "Site";
    site_id: "Kode", "Id";
    kind: "Jenis", "Kind";
    kecamatan: "Kecamatan", "Kecamatan";
    backbone: "Backbone", "Backbone";
    desa: "Desa", "Village";
    hotspot: "Wifi publik", "Public wifi";
    from: "Mulai", "From";
    to: "Selesai", "To";
    enough: "Data cukup", "Enough data";
    up: "Tersambung", "Up";
    down: "Putus", "Down";
    unreachable: "Terisolasi", "Unreachable";
    unknown: "Tidak diketahui", "Unknown";
    maintenance: "Pemeliharaan", "Maintenance";
    service_hours: "Jam layanan", "Service hours";
    contract_uptime: "Ketersediaan menurut kontrak", "Uptime by contract";
    contract_outages: "Gangguan menurut kontrak", "Outages by contract";
    contract_outage: "Lama gangguan menurut kontrak", "Time of outage by contract";
    contract_met: "Target kontrak tercapai", "Contract target met";
    month_picture: "Gambaran bulan, hari demi hari", "The month, day by day";
    daily: "Harian", "Daily";
    days: "Hari demi hari", "Day by day";
    day_good: "tanpa gangguan", "no outage";
    day_degraded: "mutu menurun", "degraded";
    day_brief: "terputus di bawah 15 menit", "cut off for less than 15 minutes";
    day_long: "terputus 15 menit sampai 4 jam", "cut off for 15 minutes to 4 hours";
    day_severe: "terputus 4 jam atau lebih", "cut off for 4 hours or more";
    day_unknown: "data kurang", "not enough data";
    day_maintenance: "pemeliharaan", "maintenance";
    day_blank: "tidak dihitung", "does not count";
    annex: "Lampiran: gangguan yang tidak dihitung kontrak", "Annex: outages that a contract leaves out";
    annex_none: "Tidak ada gangguan yang dikeluarkan dari hitungan kontrak.", "No outage was left out by a contract.";
    why: "Alasan", "Why";
    root: "Titik gangguan", "Where the fault was";
    why_maintenance: "dalam pemeliharaan", "under maintenance";
    why_off_hours: "di luar jam layanan", "outside service hours";
    why_short: "lebih pendek dari batas kontrak", "shorter than the contract counts";
    why_cause: "sebab yang tidak dihitung", "a cause that is not counted";
    why_elsewhere: "bukan pada penyedia ini", "not at this provider";
    basis: "Dasar perhitungan", "What it was computed from";
    journal: "Jurnal", "Journal";
    entries_up_to: "entri 1 sampai", "entries 1 to";
    inventory: "Inventaris", "Inventory";
    tzdata: "Data zona waktu", "Time zone data";
    version: "Versi Kentongan", "Version of Kentongan";
    figures: "Angka-angka", "Figures";
    verify: "Periksa kembali", "Verify with";
    signed_place: "Tempat, tanggal", "Place, date";
    signed_by: "Mengetahui,", "Acknowledged by";
    signed_name: "Nama", "Name";
    signed_number: "NIP", "Staff number";
    page: "Halaman", "Page";
    seconds: "detik", "seconds";
    yes: "ya", "yes";
    no: "tidak", "no";
    none: "–", "–";
}

impl Words {
    pub(crate) fn of(language: Language) -> &'static Words {
        match language {
            Language::Id => &INDONESIAN,
            Language::En => &ENGLISH,
        }
    }

    pub(crate) fn kind(&self, kind: Kind) -> &'static str {
        match kind {
            Kind::Backbone => self.backbone,
            Kind::Kecamatan => self.kecamatan,
            Kind::Desa => self.desa,
            Kind::Hotspot => self.hotspot,
        }
    }

    pub(crate) fn cause(&self, cause: Cause) -> &'static str {
        match cause {
            Cause::Power => self.power,
            Cause::Link => self.link,
            Cause::Undetermined => self.undetermined,
        }
    }

    pub(crate) fn why(&self, why: LeftOut) -> &'static str {
        match why {
            LeftOut::Maintenance => self.why_maintenance,
            LeftOut::OffHours => self.why_off_hours,
            LeftOut::Short => self.why_short,
            LeftOut::Cause => self.why_cause,
            LeftOut::Elsewhere => self.why_elsewhere,
        }
    }

    /// Whether a target was met; without a verdict there was not enough data.
    pub(crate) fn verdict(&self, met: Option<bool>) -> &'static str {
        match met {
            Some(true) => self.met,
            Some(false) => self.missed,
            None => self.not_enough,
        }
    }

    pub(crate) fn yes_no(&self, is: bool) -> &'static str {
        if is { self.yes } else { self.no }
    }
}
