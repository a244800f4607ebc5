//! Encryption of SNMP v3: CFB128-AES (RFC 3826, and with longer keys as vendors extend it) and CBC-DES (RFC 3414).

use aes::cipher::{BlockModeDecrypt, BlockModeEncrypt, KeyIvInit, block_padding::NoPadding};
use kentongan_model::plan::PrivacyProtocol;

/// Bytes of salt that travel in front of what is encrypted.
const SALT: usize = 8;

/// How many bytes of key a cipher needs; DES takes 8 of them to begin with.
pub(super) fn key_length(protocol: PrivacyProtocol) -> usize {
    match protocol {
        PrivacyProtocol::Des | PrivacyProtocol::Aes128 => 16,
        PrivacyProtocol::Aes192 => 24,
        PrivacyProtocol::Aes256 => 32,
    }
}

/// Encrypts with a salt that is never used twice. None if the key is too short.
pub(super) fn seal(
    protocol: PrivacyProtocol,
    key: &[u8],
    (boots, time): (u32, u32),
    salt: u64,
    plain: &[u8],
) -> Option<(Vec<u8>, [u8; SALT])> {
    let mut bytes = plain.to_vec();
    let salt = match protocol {
        PrivacyProtocol::Des => {
            let mut of_des = salt.to_be_bytes();
            of_des[..4].copy_from_slice(&boots.to_be_bytes());
            of_des
        }
        _ => salt.to_be_bytes(),
    };
    match protocol {
        PrivacyProtocol::Des => {
            // What fills the last block is nobody's business (RFC 3414 section 8.1.1.2).
            bytes.resize(bytes.len().next_multiple_of(8), 0);
            let length = bytes.len();
            let cipher =
                cbc::Encryptor::<des::Des>::new_from_slices(key.get(..8)?, &des_iv(key, salt)?).ok()?;
            cipher.encrypt_padded::<NoPadding>(&mut bytes, length).ok()?;
        }
        PrivacyProtocol::Aes128 => {
            cfb_mode::Encryptor::<aes::Aes128>::new_from_slices(key.get(..16)?, &aes_iv(boots, time, salt))
                .ok()?
                .encrypt(&mut bytes);
        }
        PrivacyProtocol::Aes192 => {
            cfb_mode::Encryptor::<aes::Aes192>::new_from_slices(key.get(..24)?, &aes_iv(boots, time, salt))
                .ok()?
                .encrypt(&mut bytes);
        }
        PrivacyProtocol::Aes256 => {
            cfb_mode::Encryptor::<aes::Aes256>::new_from_slices(key.get(..32)?, &aes_iv(boots, time, salt))
                .ok()?
                .encrypt(&mut bytes);
        }
    }
    Some((bytes, salt))
}

/// Decrypts. None for a length, a salt or a key that cannot be.
pub(super) fn open(
    protocol: PrivacyProtocol,
    key: &[u8],
    (boots, time): (u32, u32),
    salt: &[u8],
    sealed: &[u8],
) -> Option<Vec<u8>> {
    let salt: [u8; SALT] = salt.try_into().ok()?;
    let mut bytes = sealed.to_vec();
    match protocol {
        PrivacyProtocol::Des => {
            let cipher =
                cbc::Decryptor::<des::Des>::new_from_slices(key.get(..8)?, &des_iv(key, salt)?).ok()?;
            cipher.decrypt_padded::<NoPadding>(&mut bytes).ok()?;
        }
        PrivacyProtocol::Aes128 => {
            cfb_mode::Decryptor::<aes::Aes128>::new_from_slices(key.get(..16)?, &aes_iv(boots, time, salt))
                .ok()?
                .decrypt(&mut bytes);
        }
        PrivacyProtocol::Aes192 => {
            cfb_mode::Decryptor::<aes::Aes192>::new_from_slices(key.get(..24)?, &aes_iv(boots, time, salt))
                .ok()?
                .decrypt(&mut bytes);
        }
        PrivacyProtocol::Aes256 => {
            cfb_mode::Decryptor::<aes::Aes256>::new_from_slices(key.get(..32)?, &aes_iv(boots, time, salt))
                .ok()?
                .decrypt(&mut bytes);
        }
    }
    Some(bytes)
}

fn aes_iv(boots: u32, time: u32, salt: [u8; SALT]) -> [u8; 16] {
    let mut iv = [0; 16];
    iv[..4].copy_from_slice(&boots.to_be_bytes());
    iv[4..8].copy_from_slice(&time.to_be_bytes());
    iv[8..].copy_from_slice(&salt);
    iv
}

/// The second half of the key with the salt laid over it.
fn des_iv(key: &[u8], salt: [u8; SALT]) -> Option<[u8; 8]> {
    let before: [u8; 8] = key.get(8..16)?.try_into().ok()?;
    Some(std::array::from_fn(|place| before[place] ^ salt[place]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_sealed_opens_and_what_cannot_be_is_refused() {
        let key: Vec<u8> = (0..32).collect();
        for protocol in
            [PrivacyProtocol::Des, PrivacyProtocol::Aes128, PrivacyProtocol::Aes192, PrivacyProtocol::Aes256]
        {
            let (sealed, salt) = seal(protocol, &key, (3, 77), 9, b"sysUpTime").unwrap();
            assert_ne!(&sealed[..9], b"sysUpTime");
            assert_eq!(&open(protocol, &key, (3, 77), &salt, &sealed).unwrap()[..9], b"sysUpTime");
            assert!(open(protocol, &key, (3, 77), &salt[..7], &sealed).is_none());
            assert!(seal(protocol, &key[..7], (3, 77), 9, b"x").is_none());
        }
        assert!(open(PrivacyProtocol::Des, &key, (0, 0), &[0; 8], &[0; 9]).is_none());
    }
}
