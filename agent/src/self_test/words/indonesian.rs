//! The findings in Bahasa Indonesia.

use super::{Told, list, ms, short};
use crate::{
    self_test::found::{Found, Purpose},
    uplink::Obstacle,
};

#[expect(clippy::too_many_lines, reason = "one arm for each finding; they are read side by side")]
pub(super) fn told(found: &Found) -> Told {
    let only = |sentence: String| (sentence, None);
    let with = |sentence: String, remedy: &str| (sentence, Some(remedy.to_owned()));
    match found {
        Found::Configured { agent, collector } => only(format!("agen {agent}, kolektor {collector}")),
        Found::Unconfigured { error } => with(
            format!("belum terdaftar, atau berkasnya salah: {error}"),
            "jalankan perintah dari `kentongan agent add <situs>` di router ini",
        ),
        Found::Folder { purpose, folder, free_kb } => {
            only(format!("{} {} bisa ditulis, sisa {free_kb} kB", purpose_word(*purpose), folder.display()))
        }
        Found::NarrowFolder { purpose, folder, free_kb } => with(
            format!("{} {} tinggal {free_kb} kB", purpose_word(*purpose), folder.display()),
            "kosongkan ruang: agen menyimpan sampai 2 MB selama kolektor tidak terjangkau",
        ),
        Found::MisplacedFolder { purpose: Purpose::Flash, folder } => with(
            format!("{} ada di memori: rencana dan antrean hilang saat listrik padam", folder.display()),
            "pilih folder di flash untuk state_dir (OpenWrt: /etc/kentongan/state)",
        ),
        Found::MisplacedFolder { purpose: Purpose::Memory, folder } => with(
            format!("{} ada di flash, yang menjadi aus karena terus ditulis", folder.display()),
            "pilih folder di tmpfs untuk memory_dir (OpenWrt: /tmp/kentongan-agent)",
        ),
        Found::Unwritable { folder, error } => with(
            format!("{} tidak bisa ditulis: {error}", folder.display()),
            "buat folder itu untuk pengguna yang menjalankan agen, dan sediakan ruang",
        ),
        Found::Running => only("agen sedang berjalan".to_owned()),
        Found::NotRunning => with(
            "agen tidak sedang berjalan".to_owned(),
            "OpenWrt: /etc/init.d/kentongan-agent start; Debian: systemctl start kentongan-agent",
        ),
        Found::MayPing { lacking: None } => only("boleh ping; IPv4 dan IPv6".to_owned()),
        Found::MayPing { lacking: Some(lacking) } => only(format!("boleh ping; tanpa {lacking}")),
        Found::MayNotPing { error } => with(
            format!("tidak boleh ping: {error}"),
            "jalankan sebagai root, atau izinkan: sysctl -w net.ipv4.ping_group_range=\"0 2147483647\"",
        ),
        Found::LoopbackSilent => with(
            "127.0.0.1 tidak menjawab ping".to_owned(),
            "periksa firewall router ini: ping ke dan dari dirinya sendiri diblokir",
        ),
        Found::GatewayAnswers { address, rtt_us } => only(format!(
            "{address} menjawab dalam {}",
            ms(std::time::Duration::from_micros((*rtt_us).into()))
        )),
        Found::GatewaySilent { address } => with(
            format!("{address} tidak menjawab ping"),
            "periksa kabel dan uplink; ada juga gateway yang memang tidak menjawab ping",
        ),
        Found::NoGateway => {
            with("tidak ada rute keluar (default route)".to_owned(), "periksa uplink: `ip route`")
        }
        Found::NameKnown { host, addresses, took } => {
            only(format!("{host} = {} ({})", list(addresses), ms(*took)))
        }
        Found::NameUnknown { host, error } => with(
            format!("nama {host} tidak ditemukan: {error}"),
            "periksa server DNS router ini (/etc/resolv.conf), dan ejaan alamat kolektor",
        ),
        Found::Clock { ahead_ms } => {
            only(format!("cocok dengan jam kolektor (selisih {} s)", ahead_ms / 1_000))
        }
        Found::ClockOff { ahead_ms } => with(
            format!("selisih {} s dari jam kolektor", ahead_ms / 1_000),
            "nyalakan NTP (OpenWrt: /etc/init.d/sysntpd restart); pengukuran tetap benar, TLS bisa gagal",
        ),
        Found::ClockAlone { now } => only(format!("{now}; tidak bisa dibandingkan dengan jam kolektor")),
        Found::ClockUnset { now, needed } => with(
            format!("belum disetel: {now}"),
            if *needed {
                "nyalakan NTP (OpenWrt: /etc/init.d/sysntpd restart): tanpa jam yang benar TLS menolak kolektor"
            } else {
                "nyalakan NTP (OpenWrt: /etc/init.d/sysntpd restart)"
            },
        ),
        Found::AddressUnusable { error } => {
            with(format!("alamat kolektor tidak bisa dipakai: {error}"), "perbaiki agent.toml")
        }
        Found::Connected { encrypted: true, took } => {
            only(format!("sertifikat kolektor dipercaya dan berlaku; jawaban dalam {}", ms(*took)))
        }
        Found::Connected { encrypted: false, took } => {
            only(format!("kolektor menjawab dalam {}, tanpa enkripsi (http)", ms(*took)))
        }
        Found::Unconnected { obstacle, error } => with(
            format!("kolektor tidak terjangkau: {error}"),
            match obstacle {
                Obstacle::Unreachable => {
                    "periksa uplink, firewall dan alamat kolektor; apakah kolektor sedang berjalan?"
                }
                Obstacle::Slow => "periksa uplink dan firewall: tidak ada jawaban sampai batas waktu",
                Obstacle::CertificateTime => {
                    "setel jam router (NTP); kalau jam sudah benar, sertifikatnya kedaluwarsa"
                }
                Obstacle::CertificateIssuer => {
                    "sertifikat tidak dikenal: pakai ca_file untuk CA sendiri; kalau tidak ada, mungkin ada yang menyadap"
                }
                Obstacle::CertificateName => {
                    "sertifikat itu milik nama lain: periksa alamat kolektor di agent.toml"
                }
                Obstacle::Tls => "periksa apakah alamat dan port itu benar-benar https",
                Obstacle::Foreign => "yang menjawab di sana bukan kolektor: periksa alamat dan portnya",
            },
        ),
        Found::Plan { revision, targets, devices } => {
            only(format!("rencana {revision} diterima: {targets} sasaran ping, {devices} perangkat SNMP"))
        }
        Found::EmptyPlan => with(
            "rencana diterima, tetapi kosong".to_owned(),
            "isi hotspots.toml di kolektor: situs yang diamati agen ini",
        ),
        Found::TokenRefused => with(
            "kolektor menolak token agen ini".to_owned(),
            "daftarkan lagi dengan kode baru dari `kentongan agent add <situs>`",
        ),
        Found::AgentUnknown => with(
            "kolektor tidak punya agen di situs ini".to_owned(),
            "tulis `agent = true` pada situs itu di hotspots.toml",
        ),
        Found::PlanUnusable { error } => with(
            format!("rencana tidak bisa dipakai: {error}"),
            "pasang versi kentongan yang sama di sini dan di kolektor",
        ),
        Found::Unexpected { status } => with(
            format!("jawaban yang tidak diharapkan: HTTP {status}"),
            "periksa alamat kolektor, dan catatan (log) kolektor atau proksi di depannya",
        ),
        Found::KeptPlan { targets, devices } => only(format!(
            "agen memakai rencana yang tersimpan: {targets} sasaran ping, {devices} perangkat SNMP"
        )),
        Found::NoPlan => with(
            "belum ada rencana: agen belum tahu apa yang harus diukur".to_owned(),
            "perbaiki sambungan ke kolektor; rencana datang dari sana",
        ),
        Found::TargetsAnswer { count } => only(format!("semua {count} sasaran menjawab ping")),
        Found::TargetsSilent { silent, more, of } => with(
            format!(
                "{} dari {of} sasaran tidak menjawab: {}",
                silent.len() + more,
                with_more(&list(silent), *more)
            ),
            "mungkin sedang putus, atau tidak menjawab ping dari router ini",
        ),
        Found::Device { subject, address, description } => {
            only(format!("{subject} ({address}): {}", short(description)))
        }
        Found::DeviceSilent { subject, address, access, error } => with(
            format!("{subject} ({address}) tidak terbaca dengan {access}: {error}"),
            "periksa community atau sandi di hotspots.toml, dan izin SNMP di perangkat untuk alamat router ini",
        ),
        Found::DevicesLeftOut { count } => only(format!("{count} perangkat lain tidak diperiksa")),
    }
}

fn purpose_word(purpose: Purpose) -> &'static str {
    match purpose {
        Purpose::Flash => "flash",
        Purpose::Memory => "memori",
    }
}

fn with_more(list: &str, more: usize) -> String {
    if more == 0 { list.to_owned() } else { format!("{list} dan {more} lagi") }
}
