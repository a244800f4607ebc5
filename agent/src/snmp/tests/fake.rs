//! A device made of a table of objects, which answers v1 and v2c and can be told to misbehave.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
};

use tokio::net::UdpSocket;

/// BER of a value: tag and content.
pub(super) type Value = (u8, Vec<u8>);

pub(super) fn integer(number: u8) -> Value {
    (0x02, vec![number])
}

pub(super) fn ticks(number: u32) -> Value {
    (0x43, [&[0], number.to_be_bytes().as_slice()].concat())
}

pub(super) fn counter32(number: u32) -> Value {
    (0x41, [&[0], number.to_be_bytes().as_slice()].concat())
}

pub(super) fn counter64(number: u64) -> Value {
    (0x46, [&[0], number.to_be_bytes().as_slice()].concat())
}

pub(super) fn gauge(number: u32) -> Value {
    (0x42, [&[0], number.to_be_bytes().as_slice()].concat())
}

pub(super) fn text(text: &str) -> Value {
    (0x04, text.as_bytes().to_vec())
}

/// A question as it arrived.
#[derive(Debug, Clone)]
pub(super) struct Question {
    pub(super) version: u8,
    pub(super) community: Vec<u8>,
    pub(super) kind: u8,
    pub(super) request_id: Vec<u8>,
    pub(super) repetitions: usize,
    pub(super) oids: Vec<Vec<u8>>,
}

pub(super) const GET_BULK: u8 = 0xa5;
pub(super) const GET: u8 = 0xa0;

/// What the device sends, given the question and what an honest device would send.
type Manner = Box<dyn FnMut(&Question, Vec<u8>) -> Vec<Vec<u8>> + Send>;

#[derive(Default)]
struct Inside {
    objects: BTreeMap<Vec<u8>, Value>,
    manner: Option<Manner>,
    questions: Vec<Question>,
}

/// The device.
#[derive(Clone)]
pub(super) struct Fake {
    pub(super) port: u16,
    inside: Arc<Mutex<Inside>>,
}

impl Fake {
    pub(super) async fn start(objects: impl IntoIterator<Item = (Vec<u8>, Value)>) -> Self {
        let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let port = socket.local_addr().unwrap().port();
        let inside = Inside { objects: objects.into_iter().collect(), ..Inside::default() };
        let fake = Fake { port, inside: Arc::new(Mutex::new(inside)) };
        let answering = fake.clone();
        tokio::spawn(async move {
            let mut buffer = vec![0; 65_536];
            while let Ok((length, from)) = socket.recv_from(&mut buffer).await {
                for reply in answering.answer(&buffer[..length]) {
                    socket.send_to(&reply, from).await.unwrap();
                }
            }
        });
        fake
    }

    pub(super) fn set(&self, oid: Vec<u8>, value: Option<Value>) {
        let mut inside = self.inside.lock().unwrap();
        match value {
            Some(value) => inside.objects.insert(oid, value),
            None => inside.objects.remove(&oid),
        };
    }

    pub(super) fn behave(&self, manner: impl FnMut(&Question, Vec<u8>) -> Vec<Vec<u8>> + Send + 'static) {
        self.inside.lock().unwrap().manner = Some(Box::new(manner));
    }

    pub(super) fn behave_well(&self) {
        self.inside.lock().unwrap().manner = None;
    }

    /// The questions since the last time.
    pub(super) fn questions(&self) -> Vec<Question> {
        std::mem::take(&mut self.inside.lock().unwrap().questions)
    }

    fn answer(&self, bytes: &[u8]) -> Vec<Vec<u8>> {
        let question = Question::read(bytes);
        let mut inside = self.inside.lock().unwrap();
        let honest = honest(&inside.objects, &question);
        inside.questions.push(question.clone());
        match &mut inside.manner {
            Some(manner) => manner(&question, honest),
            None => vec![honest],
        }
    }
}

fn honest(objects: &BTreeMap<Vec<u8>, Value>, question: &Question) -> Vec<u8> {
    let is_v1 = question.version == 0;
    let missing = |tag| (tag, Vec::new());
    let next = |oid: &Vec<u8>| {
        let after = (std::ops::Bound::Excluded(oid), std::ops::Bound::Unbounded);
        objects.range::<Vec<u8>, _>(after).next().map(|(oid, value)| (oid.clone(), value.clone()))
    };
    let mut varbinds = Vec::new();
    if question.kind == GET {
        for (place, oid) in (1..).zip(&question.oids) {
            match objects.get(oid) {
                Some(value) if !(is_v1 && value.0 == 0x46) => varbinds.push((oid.clone(), value.clone())),
                _ if is_v1 => return question.reply(2, place, &[]),
                _ => varbinds.push((oid.clone(), missing(0x81))),
            }
        }
        return question.reply(0, 0, &varbinds);
    }
    let rows = if question.kind == GET_BULK { question.repetitions } else { 1 };
    let mut cursors = question.oids.clone();
    for _ in 0..rows {
        for (place, cursor) in (1..).zip(&mut cursors) {
            match next(cursor) {
                Some((oid, value)) => {
                    cursor.clone_from(&oid);
                    varbinds.push((oid, value));
                }
                None if is_v1 => return question.reply(2, place, &[]),
                None => varbinds.push((cursor.clone(), missing(0x82))),
            }
        }
    }
    question.reply(0, 0, &varbinds)
}

impl Question {
    fn read(bytes: &[u8]) -> Question {
        let (_, message, _) = tlv(bytes);
        let (_, version, rest) = tlv(message);
        let (_, community, rest) = tlv(rest);
        let (kind, pdu, _) = tlv(rest);
        let (_, request_id, rest) = tlv(pdu);
        let (_, _, rest) = tlv(rest);
        let (_, repetitions, rest) = tlv(rest);
        let (_, mut list, _) = tlv(rest);
        let mut oids = Vec::new();
        while !list.is_empty() {
            let (_, varbind, next) = tlv(list);
            oids.push(tlv(varbind).1.to_vec());
            list = next;
        }
        Question {
            version: version[0],
            community: community.to_vec(),
            kind,
            request_id: request_id.to_vec(),
            repetitions: repetitions.iter().fold(0, |n, byte| n << 8 | usize::from(*byte)),
            oids,
        }
    }

    /// A reply to this question.
    pub(super) fn reply(&self, status: u8, index: u8, varbinds: &[(Vec<u8>, Value)]) -> Vec<u8> {
        let list = varbinds
            .iter()
            .flat_map(|(oid, (tag, value))| ber(0x30, &[ber(0x06, oid), ber(*tag, value)].concat()));
        self.reply_with(status, index, &list.collect::<Vec<u8>>())
    }

    /// A reply with these bytes in the place of the varbinds.
    pub(super) fn reply_with(&self, status: u8, index: u8, list: &[u8]) -> Vec<u8> {
        let pdu = [ber(0x02, &self.request_id), ber(0x02, &[status]), ber(0x02, &[index]), ber(0x30, list)]
            .concat();
        let message = [ber(0x02, &[self.version]), ber(0x04, &self.community), ber(0xa2, &pdu)].concat();
        ber(0x30, &message)
    }
}

pub(super) fn ber(tag: u8, content: &[u8]) -> Vec<u8> {
    let length = content.len();
    let head = match length {
        0..=0x7f => vec![tag, length as u8],
        0x80..=0xff => vec![tag, 0x81, length as u8],
        _ => vec![tag, 0x82, (length >> 8) as u8, length as u8],
    };
    [head.as_slice(), content].concat()
}

fn tlv(bytes: &[u8]) -> (u8, &[u8], &[u8]) {
    let (length, head) = match bytes[1] {
        0x81 => (usize::from(bytes[2]), 3),
        0x82 => (usize::from(bytes[2]) << 8 | usize::from(bytes[3]), 4),
        length => (usize::from(length), 2),
    };
    (bytes[0], &bytes[head..head + length], &bytes[head + length..])
}
