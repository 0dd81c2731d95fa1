//! Checkpoints against an independent signed-note implementation and its published example.
#![allow(clippy::indexing_slicing, clippy::unwrap_used, reason = "tests")]

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use signed_note::{Note, StandardSigner, StandardVerifier, VerifierList};
use strongroom_audit::{Checkpoint, NoteError, VerifierKey};
use strongroom_crypto::SigningKey;

const NAME: &str = "strongroom.example/org_7/live";
/// The example of the note format's first implementation.
const SIGNER: &str =
    "PRIVATE+KEY+PeterNeumann+c74f20a3+AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz";
const VERIFIER: &str = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW";
const NOTE: &str = "If you think cryptography is the answer to your problem,\n\
    then you don't know what your problem is.\n\n\
    — PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n";

fn key() -> SigningKey {
    SigningKey::from_seed(&[7; 32])
}

fn example_key() -> SigningKey {
    // The base64 itself holds a `+`, so it is what stands behind the fourth one.
    let bytes = STANDARD
        .decode(SIGNER.splitn(5, '+').nth(4).unwrap())
        .unwrap();
    SigningKey::from_seed(&bytes[1..].try_into().unwrap())
}

fn checkpoint() -> Checkpoint {
    Checkpoint {
        origin: NAME.to_owned(),
        size: 1742,
        root: [0xc5; 32],
        extension: Vec::new(),
    }
}

fn verifiers(key: &str) -> VerifierList {
    VerifierList::new(vec![Box::new(StandardVerifier::new(key).unwrap())])
}

#[test]
fn verifier_keys_are_those_of_the_other_implementation() {
    let parsed = VerifierKey::parse(VERIFIER).unwrap();
    assert_eq!(
        (parsed.name.as_str(), parsed.public),
        ("PeterNeumann", example_key().public())
    );
    assert_eq!(parsed.to_string(), VERIFIER);
    let ours = VerifierKey {
        name: NAME.to_owned(),
        public: key().public(),
    };
    assert!(StandardVerifier::new(&ours.to_string()).is_ok());
    assert_eq!(VerifierKey::parse(&ours.to_string()), Ok(ours));
}

#[test]
fn every_changed_character_of_a_verifier_key_is_found() {
    for place in 0..VERIFIER.len() {
        let mut altered = VERIFIER.to_owned().into_bytes();
        altered[place] ^= 1;
        let altered = String::from_utf8(altered).unwrap();
        assert_eq!(
            VerifierKey::parse(&altered),
            Err(NoteError::BadVerifierKey),
            "{altered}"
        );
    }
    for malformed in [
        "",
        "+",
        "++",
        "name",
        "name+00000000",
        "name+00000000+",
        "+c74f20a3+AA==",
        "a b+c74f20a3+AA==",
    ] {
        assert_eq!(
            VerifierKey::parse(malformed),
            Err(NoteError::BadVerifierKey)
        );
    }
}

#[test]
fn the_published_note_verifies_though_it_is_no_checkpoint() {
    let open = |note: &str| Checkpoint::open(note, "PeterNeumann", &example_key().public());
    assert_eq!(open(NOTE), Err(NoteError::NotACheckpoint));
    assert_eq!(
        open(&NOTE.replace("answer", "onswer")),
        Err(NoteError::BadSignature)
    );
}

#[test]
fn our_notes_open_there() {
    for extension in [vec![], vec!["one".to_owned(), "two words".to_owned()]] {
        let note = Checkpoint {
            extension,
            ..checkpoint()
        }
        .sign(NAME, &key());
        let ours = VerifierKey {
            name: NAME.to_owned(),
            public: key().public(),
        };
        let (verified, unverified) = Note::from_bytes(note.as_bytes())
            .unwrap()
            .verify(&verifiers(&ours.to_string()))
            .unwrap();
        assert_eq!((verified.len(), unverified.len()), (1, 0));
        let (text, _) = note.split_once("\n\n").unwrap();
        assert!(
            text.starts_with("strongroom.example/org_7/live\n1742\nxcXF"),
            "{text}"
        );
    }
}

#[test]
fn their_notes_open_here() {
    let text = format!("{NAME}\n12\n{}\n", STANDARD.encode([9; 32]));
    let mut note = Note::new(text.as_bytes(), &[]).unwrap();
    note.add_sigs(&[&StandardSigner::new(SIGNER).unwrap()])
        .unwrap();
    let note = String::from_utf8(note.to_bytes()).unwrap();
    let opened = Checkpoint::open(&note, "PeterNeumann", &example_key().public()).unwrap();
    assert_eq!(
        opened,
        Checkpoint {
            size: 12,
            root: [9; 32],
            ..checkpoint()
        }
    );
    assert_eq!(
        opened.sign("PeterNeumann", &example_key()),
        note,
        "the same bytes, for Ed25519 is deterministic"
    );
}

#[test]
fn cosignatures_and_unknown_lines_are_ignored() {
    let note = checkpoint().sign(NAME, &key());
    let witness = checkpoint().sign("witness.example/w1", &example_key());
    let line = witness.split_once("\n\n").unwrap().1;
    let cosigned = format!(
        "{note}{line}— later.example/pq {}\n",
        STANDARD.encode([1; 3000])
    );
    assert_eq!(
        Checkpoint::open(&cosigned, NAME, &key().public()),
        Ok(checkpoint())
    );
    let by_witness = Checkpoint::open(&cosigned, "witness.example/w1", &example_key().public());
    assert_eq!(by_witness, Ok(checkpoint()));
    assert_eq!(
        Checkpoint::open(&witness, NAME, &key().public()),
        Err(NoteError::Unsigned)
    );
    assert_eq!(
        Checkpoint::open(&note, "another.name", &key().public()),
        Err(NoteError::Unsigned)
    );
    assert_eq!(
        Checkpoint::open(&note, NAME, &example_key().public()),
        Err(NoteError::Unsigned)
    );
}

#[test]
fn every_changed_byte_of_a_note_is_found() {
    let note = checkpoint().sign(NAME, &key());
    for place in 0..note.len() {
        for bit in [0x01, 0x02, 0x40] {
            let mut altered = note.clone().into_bytes();
            altered[place] ^= bit;
            let Ok(altered) = String::from_utf8(altered) else {
                continue;
            };
            assert!(
                Checkpoint::open(&altered, NAME, &key().public()).is_err(),
                "byte {place}:\n{altered}"
            );
        }
    }
    for end in (0..note.len()).filter(|end| note.is_char_boundary(*end)) {
        assert!(Checkpoint::open(&note[..end], NAME, &key().public()).is_err());
    }
}

#[test]
fn signed_texts_that_are_no_checkpoints_are_refused() {
    let root = STANDARD.encode([0; 32]);
    let short = STANDARD.encode([0; 31]);
    let texts = [
        format!("\n1\n{root}\n"),
        format!("origin\n01\n{root}\n"),
        format!("origin\n+1\n{root}\n"),
        format!("origin\n\n{root}\n"),
        format!("origin\n18446744073709551616\n{root}\n"),
        format!("origin\n1\n{short}\n"),
        format!("origin\n1\n{root}\n\nextension\n"),
        "origin\n1\n".to_owned(),
        "origin\n".to_owned(),
    ];
    for text in texts {
        let mut note = Note::new(text.as_bytes(), &[]).unwrap();
        note.add_sigs(&[&StandardSigner::new(SIGNER).unwrap()])
            .unwrap();
        let note = String::from_utf8(note.to_bytes()).unwrap();
        let opened = Checkpoint::open(&note, "PeterNeumann", &example_key().public());
        assert_eq!(opened, Err(NoteError::NotACheckpoint), "{text}");
    }
}

#[test]
fn notes_that_are_no_notes_are_refused() {
    let note = checkpoint().sign(NAME, &key());
    let open = |note: &str| Checkpoint::open(note, NAME, &key().public());
    for malformed in [
        "",
        "\n",
        "\n\n",
        "text\n\n",
        "text\n",
        "text\n\n— name\n",
        "text\n\n— name !!\n",
        "text\n\nline\n",
    ] {
        assert_eq!(open(malformed), Err(NoteError::Malformed), "{malformed:?}");
    }
    assert_eq!(open(&note.replace('\n', "\r\n")), Err(NoteError::Malformed));
    assert_eq!(open(note.trim_end()), Err(NoteError::Malformed));
    assert_eq!(
        open(&format!("{note}— name AAA=\n")),
        Err(NoteError::Malformed),
        "fewer bytes than a key id"
    );
    assert_eq!(open(&"x".repeat(1 << 21)), Err(NoteError::TooLarge));
}
