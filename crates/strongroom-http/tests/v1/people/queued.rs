//! Whoever loses his right while his command waits in the queue: the commit thread asks again when its turn comes.

use strongroom_auth::Caller;
use strongroom_auth::permission::{CreatePayouts, ManageKeys, ManageUsers, OwnAccount};
use strongroom_auth::{Credential, Role};
use strongroom_domain::api_keys::RevokeApiKey;
use strongroom_domain::command::Command;
use strongroom_domain::payouts::{CreatePayout, NewRecipient};
use strongroom_domain::sessions::EndSession;
use strongroom_domain::users::{DeactivateUser, EndSessionsOf};
use strongroom_engine::{Committed, Envelope, Failure};
use strongroom_testkit::tenant::Tenant;
use strongroom_types::currency::Currency;
use strongroom_types::id::{SessionId, UserId, WalletId};
use strongroom_types::metadata::Metadata;
use strongroom_types::money::Money;

use crate::v1::people::join;
use crate::v1::tenant;

/// Wallets to pay from and to.
struct Shop<'s> {
    acme: Tenant<'s>,
    from: String,
    to: String,
}

impl Shop<'_> {
    fn open() -> Shop<'static> {
        let acme = tenant();
        let (from, to) = (acme.funded("master", 1_000), acme.wallet("master"));
        Shop { acme, from, to }
    }

    fn payout(&self) -> CreatePayout {
        let wallet = |id: &str| WalletId::parse(id).unwrap();
        CreatePayout {
            amount: Money::new(1, Currency::parse("PHP").unwrap()),
            source: Some(wallet(&self.from)),
            recipient: NewRecipient::Wallet(wallet(&self.to)),
            reference_id: None,
            description: None,
            metadata: Metadata::default(),
            later: None,
        }
    }

    fn proven(&self, text: &str) -> std::sync::Arc<Credential> {
        self.acme.server.engine.credential(text).unwrap()
    }

    fn pay(&self, payer: &Caller<CreatePayouts>) -> Result<Committed, Failure> {
        let engine = &self.acme.server.engine;
        let paid = engine.execute(payer, self.payout(), Envelope::internal());
        self.acme.server.wait(paid)
    }

    /// A payout that is queued right behind what takes the payer's right, and one whose payer was proven before.
    fn too_late<C: Command>(&self, payer: &str, caller: &Caller<C::Permission>, command: C) {
        let credential = self.proven(payer);
        let payer: Caller<CreatePayouts> = Caller::authorize(&credential).ok().unwrap();
        self.pay(&payer).unwrap();
        let before = self.acme.available(&self.to);
        let engine = &self.acme.server.engine;
        let both = async {
            let ends = engine.execute(caller, command, Envelope::internal());
            let pays = engine.execute(&payer, self.payout(), Envelope::internal());
            tokio::join!(ends, pays)
        };
        let (ended, paid) = self.acme.server.wait(both);
        ended.unwrap();
        assert_eq!(
            paid.err(),
            Some(Failure::KeyRevoked),
            "it was behind it in the queue"
        );
        assert_eq!(
            self.pay(&payer).err(),
            Some(Failure::KeyRevoked),
            "it was proven before"
        );
        assert_eq!(self.acme.available(&self.to), before);
    }

    fn owner<P: strongroom_auth::permission::Permission>(&self) -> Caller<P> {
        let credential = self.proven(&self.acme.owner.text);
        Caller::authorize(&credential).ok().unwrap()
    }
}

#[test]
fn a_key_that_is_revoked_pays_nothing_more() {
    let shop = Shop::open();
    let key = shop.acme.key(Role::Owner);
    let id = shop.proven(&key.text).id;
    let revoke = RevokeApiKey { id, held: None };
    shop.too_late(&key.text, &shop.owner::<ManageKeys>(), revoke);
}

#[test]
fn a_person_who_is_deactivated_pays_nothing_more() {
    let shop = Shop::open();
    let (ana, _other) = (join(&shop.acme, "owner"), join(&shop.acme, "owner"));
    let session = ana.enter();
    let id = UserId::parse(&ana.id).unwrap();
    let deactivate = DeactivateUser { id, held: None };
    shop.too_late(&session.token, &shop.owner::<ManageUsers>(), deactivate);
}

#[test]
fn a_session_that_was_ended_pays_nothing_more() {
    let shop = Shop::open();
    let ana = join(&shop.acme, "owner");
    let (one, two, three) = (ana.enter(), ana.enter(), ana.enter());
    let user = UserId::parse(&ana.id).unwrap();
    let credential = shop.proven(&two.token);
    let himself: Caller<OwnAccount> = Caller::authorize(&credential).ok().unwrap();
    let id = SessionId::parse(&one.id).unwrap();
    shop.too_late(&one.token, &himself, EndSession { id, user });
    // His others go on, until all are ended.
    let credential = shop.proven(&two.token);
    let payer: Caller<CreatePayouts> = Caller::authorize(&credential).ok().unwrap();
    shop.pay(&payer).unwrap();
    let all = EndSessionsOf {
        id: user,
        held: None,
    };
    shop.too_late(&three.token, &shop.owner::<ManageUsers>(), all);
    assert_eq!(shop.pay(&payer).err(), Some(Failure::KeyRevoked));
    let again = ana.enter();
    let credential = shop.proven(&again.token);
    let payer: Caller<CreatePayouts> = Caller::authorize(&credential).ok().unwrap();
    shop.pay(&payer).unwrap();
}
