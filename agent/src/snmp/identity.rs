//! What a device says it is (sysObjectID and sysDescr, SNMPv2-MIB, RFC 3418), and which profiles apply to it.

use kentongan_model::profile::Profile;

use super::{SnmpError, client::Client, columns::SYS_UP_TIME, links::text, pdu::Value, sensors::RuleAt};

/// sysDescr.0, 1.3.6.1.2.1.1.1.0.
const SYS_DESCR: &[u8] = &[0x2b, 6, 1, 2, 1, 1, 1, 0];
/// sysObjectID.0, 1.3.6.1.2.1.1.2.0.
const SYS_OBJECT_ID: &[u8] = &[0x2b, 6, 1, 2, 1, 1, 2, 0];

/// What a device says it is.
#[derive(Debug, Clone, Default)]
pub(super) struct Identity {
    /// sysObjectID as BER bytes; empty where there is none.
    pub(super) object_id: Vec<u8>,
    pub(super) description: String,
    pub(super) uptime_cs: Option<u32>,
}

/// Asks a device what it is. v1 devices that lack one of the three are asked for each.
pub(super) async fn ask(client: &mut Client) -> Result<Identity, SnmpError> {
    let mut identity = Identity::default();
    let all = [SYS_OBJECT_ID, SYS_DESCR, SYS_UP_TIME];
    match client.get(&all).await {
        Ok(answer) => answer.objects().for_each(|object| identity.take(object)),
        Err(SnmpError::Status { .. }) => {
            for one in all {
                if let Ok(answer) = client.get(&[one]).await {
                    answer.objects().for_each(|object| identity.take(object));
                }
            }
        }
        Err(error) => return Err(error),
    }
    Ok(identity)
}

/// Asks a device that is new to us what it is: once more if it refuses, or may answer when it is asked otherwise.
pub(super) async fn meet(client: &mut Client) -> Result<Identity, SnmpError> {
    match ask(client).await {
        Err(error) if client.start_over() || matches!(error, SnmpError::Refused(_)) => ask(client).await,
        identity => identity,
    }
}

impl Identity {
    fn take(&mut self, (oid, value): (&[u8], Value<'_>)) {
        match value {
            Value::Id(id) if oid == SYS_OBJECT_ID => self.object_id = id.to_vec(),
            Value::Text(bytes) if oid == SYS_DESCR => self.description = text(bytes),
            value if oid == SYS_UP_TIME => self.uptime_cs = value.as_u32(),
            _ => {}
        }
    }

    /// The tables of the profiles that apply, in the order of the plan.
    pub(super) fn tables(&self, profiles: &[Profile]) -> Vec<RuleAt> {
        let apply =
            profiles.iter().enumerate().filter(|(_, one)| one.is_for(&self.object_id, &self.description));
        apply
            .flat_map(|(profile, one)| {
                (0..one.tables.len()).map(move |table| RuleAt { profile, table, gauge: 0 })
            })
            .collect()
    }
}
