//! Logs taken elsewhere: the bundle verifies without a server, and a checkpoint kept elsewhere finds what a whole
//! store cannot say of itself.

use strongroom_audit::{Bundle, Damage, verify_bundle};
use strongroom_engine::verify::{BundleRequest, audit_verify, export_bundle};
use strongroom_store::{MemoryStore, SqliteStore, Store};
use strongroom_types::id::OrganizationId;
use strongroom_types::mode::Mode;

use crate::history::{Author, Made, Root};

/// The first organization of the store.
fn organization(store: &dyn Store) -> OrganizationId {
    let heads = store.reader().unwrap().heads().unwrap();
    OrganizationId(strongroom_types::id::RawId(
        heads
            .iter()
            .find(|head| head.log == 2)
            .unwrap()
            .organization,
    ))
}

fn export(store: &dyn Store, root: &Root, request: BundleRequest) -> Vec<u8> {
    let log = request.log.or(Some((organization(store), Mode::Test)));
    export_bundle(store, root.keys(), &BundleRequest { log, ..request }).unwrap()
}

fn checkpoint(bundle: &[u8]) -> String {
    serde_json::from_slice::<Bundle>(bundle).unwrap().checkpoint
}

#[test]
fn whole_logs_and_stretches_verify_offline() {
    let made = Made::on_disk();
    let store = SqliteStore::open_read_only(made.dir.path()).unwrap();
    let whole = export(
        &store,
        &made.root,
        BundleRequest {
            opened: true,
            ..BundleRequest::default()
        },
    );
    let report = verify_bundle(&whole, None).unwrap();
    assert!(
        report.whole && report.opened_parts > 1_000 && report.sealed_parts > 0,
        "{report:?}"
    );
    let range = Some((100, 120));
    let part = export(
        &store,
        &made.root,
        BundleRequest {
            range,
            ..BundleRequest::default()
        },
    );
    let report = verify_bundle(&part, None).unwrap();
    assert_eq!(
        (report.whole, report.entries, report.opened_parts),
        (false, 21, 0)
    );
    let installation = export_bundle(&store, made.root.keys(), &BundleRequest::default()).unwrap();
    assert!(verify_bundle(&installation, None).unwrap().whole);
    for (first, last) in [(0, 3), (5, 4), (1, 100_000)] {
        let log = Some((organization(&store), Mode::Test));
        let request = BundleRequest {
            log,
            range: Some((first, last)),
            ..BundleRequest::default()
        };
        assert!(
            export_bundle(&store, made.root.keys(), &request).is_err(),
            "{first} to {last}"
        );
    }
}

#[test]
fn a_changed_bundle_names_the_entry() {
    let made = Made::on_disk();
    let store = SqliteStore::open_read_only(made.dir.path()).unwrap();
    let mut bundle: Bundle =
        serde_json::from_slice(&export(&store, &made.root, BundleRequest::default())).unwrap();
    bundle.entries[16].time += 1;
    assert_eq!(
        verify_bundle(&bundle.to_json().unwrap(), None),
        Err(Damage::Entry { seq: 17 })
    );
}

#[test]
fn a_checkpoint_kept_elsewhere_finds_what_was_cut_or_rewritten() {
    let store = MemoryStore::new();
    let root = Root::new();
    let author = Author::begin(&store, &root);
    let wallets = author.wallets();
    author.books.fund(wallets[0], 100_000);
    author.many_payouts(&wallets, 20);
    author.checkpoint();
    let before = store.snapshot();
    let early = checkpoint(&export(&store, &root, BundleRequest::default()));
    author.many_payouts(&wallets, 20);
    author.checkpoint();
    let late = export(&store, &root, BundleRequest::default());
    assert!(
        audit_verify(&store, root.keys(), Some(&early))
            .unwrap()
            .is_clean()
    );
    assert!(verify_bundle(&late, Some(&early)).is_ok());
    let cut = audit_verify(
        &MemoryStore::restore(&before),
        root.keys(),
        Some(&checkpoint(&late)),
    )
    .unwrap();
    assert!(
        cut.damages[0].contains("it was cut back: the checkpoint kept elsewhere covers"),
        "{cut}"
    );
    let other = Root::new();
    let rewritten = MemoryStore::new();
    Author::begin(&rewritten, &other);
    let unknown = audit_verify(&rewritten, other.keys(), Some(&early)).unwrap();
    assert!(
        unknown.damages[0].contains("the checkpoint kept elsewhere"),
        "{unknown}"
    );
    let size = serde_json::from_slice::<Bundle>(&late)
        .unwrap()
        .entries
        .len();
    let continues = Some(u64::try_from(size).unwrap() - 20);
    let stretch = export(
        &store,
        &root,
        BundleRequest {
            range: Some((3, 9)),
            continues,
            ..BundleRequest::default()
        },
    );
    assert_eq!(
        verify_bundle(&stretch, Some(&early)).unwrap().pinned,
        continues
    );
    author.books.engine.stop();
}
