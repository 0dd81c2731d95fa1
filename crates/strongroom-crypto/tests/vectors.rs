//! Published vectors: FIPS 180-4, RFC 4231, RFC 5869, RFC 8032, RFC 9106's reference program, and C2SP XAES-256-GCM.
#![allow(
    clippy::as_conversions,
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "tests"
)]

mod shake;

use shake::Shake128;
use strongroom_crypto::{
    MacKey, OpenError, SealKey, Sha256Stream, SigningKey, equal, hkdf_sha256, sha256,
    verify_ed25519,
};

fn hex(text: &str) -> Vec<u8> {
    let digits: Vec<u32> = text.chars().filter_map(|c| c.to_digit(16)).collect();
    digits
        .chunks_exact(2)
        .map(|pair| (pair[0] * 16 + pair[1]) as u8)
        .collect()
}

fn array<const N: usize>(text: &str) -> [u8; N] {
    hex(text).try_into().unwrap()
}

#[test]
fn sha256_fips_180_4() {
    let abc = array("ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    assert_eq!(sha256(&[b"abc"]), abc);
    assert_eq!(sha256(&[b"a", b"", b"bc"]), abc);
    assert_eq!(
        sha256(&[]),
        array("e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855")
    );
    let two_blocks = b"abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq";
    assert_eq!(
        sha256(&[two_blocks]),
        array("248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1")
    );
    let million = vec![b'a'; 1_000_000];
    let expected = array("cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
    assert_eq!(sha256(&[&million]), expected);
    assert_eq!(sha256(&[&million[..999_999], b"a"]), expected);
    let mut stream = Sha256Stream::new();
    million.chunks(777).for_each(|chunk| stream.update(chunk));
    assert_eq!(stream.finish(), expected);
}

#[test]
fn constant_time_equality() {
    assert!(equal(b"", b"") && equal(b"same", b"same"));
    assert!(!equal(b"same", b"sane") && !equal(b"same", b"sam") && !equal(b"", b"x"));
}

#[test]
fn hmac_sha256_rfc_4231() {
    let cases: [(Vec<u8>, Vec<u8>, &str); 6] = [
        (vec![0x0b; 20], b"Hi There".to_vec(), "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7"),
        (
            b"Jefe".to_vec(),
            b"what do ya want for nothing?".to_vec(),
            "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843",
        ),
        (vec![0xaa; 20], vec![0xdd; 50], "773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe"),
        (
            (1..=25).collect(),
            vec![0xcd; 50],
            "82558a389a443c0ea4cc819899f2083a85f0faa3e578f8077a2e3ff46729665b",
        ),
        (
            vec![0xaa; 131],
            b"Test Using Larger Than Block-Size Key - Hash Key First".to_vec(),
            "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54",
        ),
        (
            vec![0xaa; 131],
            b"This is a test using a larger than block-size key and a larger than block-size data. The key needs to \
              be hashed before being used by the HMAC algorithm."
                .to_vec(),
            "9b09ffa71b942fcb27635fbcd5b0e944bfdc63644f0713938a7f51535c3a35e2",
        ),
    ];
    for (key, message, expected) in cases {
        let (key, expected) = (MacKey::new(&key), array::<32>(expected));
        assert_eq!(key.tag(&[&message]), expected);
        let (left, right) = message.split_at(message.len() / 2);
        assert_eq!(key.tag(&[left, right]), expected);
        assert_eq!(key.short(&[&message]), expected[..16]);
        assert!(key.verify(&[left, right], &expected));
        assert!(
            !key.verify(&[&message], &expected[..16]),
            "a shortened tag is no tag"
        );
        assert!(!key.verify(&[&message, b"x"], &expected));
    }
}

#[test]
fn fields_are_unambiguous_where_parts_are_not() {
    let key = MacKey::new(b"key");
    assert_eq!(key.tag(&[b"ab", b"c"]), key.tag(&[b"a", b"bc"]));
    assert_ne!(
        key.tag_fields(&[b"ab", b"c"]),
        key.tag_fields(&[b"a", b"bc"])
    );
    assert_ne!(key.tag_fields(&[b"abc"]), key.tag_fields(&[b"abc", b""]));
    assert_eq!(
        key.tag_fields(&[b"ab", b"c"]),
        key.tag(&[b"\0\0\0\x02ab\0\0\0\x01c"])
    );
    assert_eq!(key.short_fields(&[b"ab"]), key.tag_fields(&[b"ab"])[..16]);
}

#[test]
fn hkdf_sha256_rfc_5869() {
    // The vectors give more than 32 bytes; HKDF's output is a stream, so ours is their beginning.
    let first = hkdf_sha256(
        &[0x0b; 22],
        &hex("000102030405060708090a0b0c"),
        &hex("f0f1f2f3f4f5f6f7f8f9"),
    );
    assert_eq!(
        first,
        array("3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf")
    );
    let bytes = |range: std::ops::RangeInclusive<u8>| range.collect::<Vec<u8>>();
    let second = hkdf_sha256(&bytes(0..=0x4f), &bytes(0x60..=0xaf), &bytes(0xb0..=0xff));
    assert_eq!(
        second,
        array("b11e398dc80327a1c8e7f78c596a49344f012eda2d4efad8a050cc4c19afa97c")
    );
    let third = hkdf_sha256(&[0x0b; 22], &[], &[]);
    assert_eq!(
        third,
        array("8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d")
    );
}

#[test]
fn ed25519_rfc_8032() {
    let cases = [
        (
            "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
            "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
            "",
            "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b",
        ),
        (
            "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
            "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c",
            "72",
            "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00",
        ),
        (
            "c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7",
            "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025",
            "af82",
            "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a",
        ),
    ];
    for (seed, public, message, signature) in cases {
        let key = SigningKey::from_seed(&array(seed));
        let (public, message, signature) = (array(public), hex(message), array::<64>(signature));
        assert_eq!(key.public(), public);
        assert_eq!(key.sign(&message), signature);
        assert!(verify_ed25519(&public, &message, &signature));
        assert!(!verify_ed25519(&public, b"other", &signature));
        for place in 0..64 {
            let mut altered = signature;
            altered[place] ^= 1;
            assert!(!verify_ed25519(&public, &message, &altered));
        }
    }
    assert!(
        !verify_ed25519(&[0xff; 32], b"", &[0; 64]),
        "no point of the curve, no signature"
    );
}

#[test]
fn xaes_256_gcm_c2sp() {
    let cases = [
        (
            1,
            &b""[..],
            "ce546ef63c9cc60765923609b33a9a1974e96e52daf2fcf7075e2271",
        ),
        (
            3,
            b"c2sp.org/XAES-256-GCM",
            "986ec1832593df5443a179437fd083bf3fdb41abd740a21f71eb769d",
        ),
    ];
    for (byte, aad, expected) in cases {
        let key = SealKey::new([byte; 32]);
        let mut sealed = b"kept".to_vec();
        key.seal(
            b"ABCDEFGHIJKLMNOPQRSTUVWX",
            aad,
            b"XAES-256-GCM",
            &mut sealed,
        );
        assert_eq!(sealed, [b"kept".to_vec(), hex(expected)].concat());
        let mut batched = Vec::new();
        key.batch(*b"ABCDEFGHIJKL")
            .seal(*b"MNOPQRSTUVWX", aad, b"XAES-256-GCM", &mut batched);
        assert_eq!(batched, hex(expected));
        assert_eq!(
            key.open(b"ABCDEFGHIJKLMNOPQRSTUVWX", aad, &batched)
                .unwrap(),
            b"XAES-256-GCM"
        );
    }
}

#[test]
fn xaes_256_gcm_c2sp_accumulated() {
    let mut source = Shake128::default();
    let mut hash = Shake128::default();
    let byte_string = |source: &mut Shake128| {
        let length = source.read(1)[0];
        source.read(usize::from(length))
    };
    for _ in 0..10_000 {
        let key = SealKey::new(source.read(32).try_into().unwrap());
        let nonce: [u8; 24] = source.read(24).try_into().unwrap();
        let (plaintext, aad) = (byte_string(&mut source), byte_string(&mut source));
        let mut sealed = Vec::new();
        key.seal(&nonce, &aad, &plaintext, &mut sealed);
        assert_eq!(key.open(&nonce, &aad, &sealed).unwrap(), plaintext);
        hash.write(&sealed);
    }
    assert_eq!(
        hash.read(32),
        hex("e6b9edf2df6cec60c8cbd864e2211b597fb69a529160cd040d56c0c210081939")
    );
}

#[test]
fn every_changed_byte_of_a_sealed_body_and_its_place_is_found() {
    let (key, nonce, aad) = (SealKey::new([7; 32]), [9; 24], b"place".to_vec());
    let mut sealed = Vec::new();
    key.seal(&nonce, &aad, b"forty-two", &mut sealed);
    let refused = Err(OpenError::NotAuthentic);
    for bit in 0..sealed.len() * 8 {
        let mut altered = sealed.clone();
        altered[bit / 8] ^= 1 << (bit % 8);
        assert_eq!(key.open(&nonce, &aad, &altered), refused);
    }
    for place in 0..24 {
        let mut altered = nonce;
        altered[place] ^= 1;
        assert_eq!(key.open(&altered, &aad, &sealed), refused);
    }
    for altered in [&b"plact"[..], b"place ", b"plac", b""] {
        assert_eq!(key.open(&nonce, altered, &sealed), refused);
    }
    assert_eq!(SealKey::new([8; 32]).open(&nonce, &aad, &sealed), refused);
    assert_eq!(key.open(&nonce, &aad, &sealed[..sealed.len() - 1]), refused);
    for length in 0..16 {
        assert_eq!(
            key.open(&nonce, &aad, &sealed[..length]),
            Err(OpenError::Truncated)
        );
    }
}

/// RFC 8037, appendices A.4 and A.5: the signature that pin sets are made with.
#[test]
fn the_signed_message_of_rfc_8037() {
    use base64::Engine as _;
    let decoded = |text: &str| base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(text);
    let seed = decoded("nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A").unwrap();
    let public = decoded("11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo").unwrap();
    let message = "eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc";
    let signature =
        "hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg";
    let (signature, public) = (decoded(signature).unwrap(), public.try_into().unwrap());
    let key = SigningKey::from_seed(&seed.try_into().unwrap());
    assert_eq!(key.public(), public);
    assert_eq!(key.sign(message.as_bytes())[..], signature[..]);
    let signature = signature.try_into().unwrap();
    assert!(verify_ed25519(&public, message.as_bytes(), &signature));
    assert!(!verify_ed25519(&public, b"another", &signature));
}
