//! A history that holds a known value in every field there is.

use serde_json::json;
use strongroom_testkit::server::TestServer;
use strongroom_testkit::tenant::{Tenant, fresh};

/// What was sent in, and with which key to read it back.
pub struct History {
    pub texts: Vec<String>,
    pub amounts: Vec<i64>,
    owner: String,
    wallet: String,
    payout: String,
}

// Between 2^45 and 2^52, so that six bytes of each are its own.
const CREDIT: i64 = 3_141_592_653_589_793;
const DEBIT: i64 = 71_828_182_845_904;
const TRANSFER: i64 = 141_421_356_237_309;
const PAYOUT: i64 = 173_205_080_756_887;
const TO_BANK: i64 = 161_803_398_874_989;
const FAILING: i64 = 257_721_566_490_101;
const THRESHOLD: i64 = 91_596_559_417_721;
const CARD_PAYMENT: i64 = 112_589_990_684_261;
const REFUND: i64 = 69_314_718_055_994;
const SOLD: i64 = 83_720_061_025_519;
const FLOAT: i64 = 59_814_403_221_647;
const REFUSED: i64 = 4_669_201_609_102_990;

const TEXTS: &[&str] = &[
    "Zanzibar Quokka Holdings",
    "Thessaly Brightwater",
    "thessaly@brightwater.example",
    "Thessaly@Brightwater.Example",
    "+639998887776",
    "Brightwater Trading Syndicate",
    "SEC-7734-XK",
    "underwater-basketry",
    "ref-wallet-kumquat",
    "metakey-marzipan",
    "metavalue-tangerine",
    "Odalys Nightingale",
    "odalys@nightingale.example",
    "+447700900461",
    "credit-reference-pomegranate",
    "credit description persimmon",
    "ref-transfer-quince",
    "transfer description loquat",
    "ref-payout-durian",
    "payout description rambutan",
    "Casimir Featherstone",
    "770012345678901",
    "QKBANK77",
    "GB82WEST12345698765432",
    "Peregrine Ashdown",
    "keyname-soursop",
    "useragent-guanabana/7.7",
    "198.51.100.231",
    "idempotency-key-mangosteen",
    "ref-refused-salak",
    "queried@pulasan.example",
    "pasted-where-an-id-belongs",
    "4539578763621486",
    "4539 5787 6362 1486",
    "Thaddeus Plumwick",
    "reason-jackfruit",
    "\"9137\"",
    "d9137",
    "5105105105105100",
    "4000056655665556",
    "ref-payment-cherimoya",
    "customer-feijoa",
    "payment description jabuticaba",
    "ref-refund-mamoncillo",
    "refund reason ackee",
    "Wilhelmina Sandpiper",
    "wilhelmina@sandpiper.example",
    "Wilhelmina@Sandpiper.Example",
    "+12025550187",
    "ref-customer-longan",
    "sku-cupuacu",
    "product name pitanga",
    "store name sapodilla",
    "receipt header bacuri",
    "item name biriba",
    "transaction description camu",
    "void reason lulo",
    "cash reason naranjilla",
];

impl History {
    pub fn make(server: &TestServer) -> History {
        let acme = Tenant::found(server);
        let founded = strongroom_testkit::books::Books::found_in(server.engine.clone(), TEXTS[0]);
        drop(founded);
        let mut texts: Vec<String> = TEXTS.iter().map(|text| (*text).to_owned()).collect();
        let mut history = History {
            amounts: vec![
                CREDIT,
                DEBIT,
                TRANSFER,
                PAYOUT,
                TO_BANK,
                FAILING,
                THRESHOLD,
                REFUSED,
                CARD_PAYMENT,
                REFUND,
                SOLD,
                FLOAT,
            ],
            owner: acme.owner.text.clone(),
            wallet: wallets(&acme),
            payout: String::new(),
            texts: Vec::new(),
        };
        texts.push(acme.owner.text.clone());
        texts.push(acme.owner.signing_secret.clone());
        texts.extend(keys(&acme));
        history.payout = money(&acme, &history.wallet);
        odd_requests(&acme, &history.wallet);
        cards(&acme);
        card_payments(&acme, &history.wallet);
        shop(&acme);
        history.texts = texts;
        while server.rail() > 0 {}
        history.amounts.extend(balances(&acme, &history.wallet));
        server.checkpoint();
        server.summarise();
        history.read_everything(server);
        history
    }

    /// Reads put nothing on disk either.
    pub fn read_everything(&self, server: &TestServer) {
        let (wallet, payout) = (&self.wallet, &self.payout);
        for path in [
            format!("/v1/wallets/{wallet}"),
            format!("/v1/wallets/{wallet}/transactions"),
            format!("/v1/payouts/{payout}"),
            "/v1/wallets?email=queried%40pulasan.example".into(),
            "/v1/wallets?phone=%2B447700900461".into(),
            format!("/v1/transactions?min_amount={DEBIT}&max_amount={CREDIT}"),
            "/v1/events?limit=100".into(),
            "/v1/audit-logs?limit=100".into(),
            "/v1/request-logs?limit=100".into(),
            "/v1/api-keys".into(),
            "/v1/tokens".into(),
        ] {
            let request = server.request("GET", &path).bearer(&self.owner);
            request
                .header("User-Agent", "useragent-guanabana/7.7")
                .send()
                .expect(200);
        }
    }
}

fn wallets(acme: &Tenant<'_>) -> String {
    let body = json!({
        "type": "master", "reference_id": "ref-wallet-kumquat", "low_balance_threshold": THRESHOLD,
        "owner": { "name": "Thessaly Brightwater", "email": "Thessaly@Brightwater.Example", "phone": "+639998887776" },
        "business": {
            "name": "Brightwater Trading Syndicate", "registration_number": "SEC-7734-XK",
            "industry": "underwater-basketry",
        },
        "metadata": { "metakey-marzipan": "metavalue-tangerine" },
    });
    let request = acme
        .request("POST", "/v1/wallets")
        .header("User-Agent", "useragent-guanabana/7.7");
    let id = request
        .idempotent("idempotency-key-mangosteen")
        .json(&body)
        .send()
        .expect(201)
        .id();
    let owner = json!({ "name": "Odalys Nightingale", "email": "odalys@nightingale.example", "phone": "+447700900461" });
    acme.request("PATCH", &format!("/v1/wallets/{id}"))
        .json(&json!({ "owner": owner }))
        .send()
        .expect(200);
    id
}

/// A customer, and what is sold to her.
fn shop(acme: &Tenant<'_>) {
    let customer = json!({
        "name": "Wilhelmina Sandpiper", "email": "Wilhelmina@Sandpiper.Example", "phone": "+12025550187",
        "reference_id": "ref-customer-longan",
    });
    let customer = acme.post("/v1/customers", &customer).expect(201).id();
    let product =
        json!({ "sku": "sku-cupuacu", "name": "product name pitanga", "price": SOLD, "stock": 5 });
    let product = acme.post("/v1/products", &product).expect(201).id();
    let store =
        json!({ "name": "store name sapodilla", "receipt_header": ["receipt header bacuri"] });
    let store = acme.post("/v1/stores", &store).expect(201).id();
    let till = json!({ "store_id": store, "name": "1" });
    let till = acme.post("/v1/tills", &till).expect(201).id();
    let shift = json!({ "till_id": till, "opening_float": FLOAT });
    let shift = acme.post("/v1/shifts", &shift).expect(201).id();
    let coins = json!({ "type": "in", "amount": 1, "reason": "cash reason naranjilla" });
    acme.post(&format!("/v1/shifts/{shift}/cash"), &coins)
        .expect(200);
    let items = json!([
        { "product_id": product, "quantity": 1 },
        { "name": "item name biriba", "quantity": 1, "unit_amount": 1 },
    ]);
    let sale = json!({
        "till_id": till, "customer_id": customer, "items": items, "tender": "cash",
        "description": "transaction description camu",
    });
    let sale = acme.post("/v1/transactions", &sale).expect(201).id();
    acme.get(&format!("/v1/transactions/{sale}/receipt?format=html"))
        .expect(200);
    acme.get("/v1/customers?email=wilhelmina%40sandpiper.example")
        .expect(200);
    let void = json!({ "reason": "void reason lulo" });
    acme.post(&format!("/v1/transactions/{sale}/void"), &void)
        .expect(200);
}

fn keys(acme: &Tenant<'_>) -> [String; 4] {
    let made = acme
        .post(
            "/v1/api-keys",
            &json!({ "role": "viewer", "name": "keyname-soursop" }),
        )
        .expect(201);
    let rolled = acme
        .post(&format!("/v1/api-keys/{}/roll", made.id()), &json!({}))
        .expect(201);
    acme.request("GET", "/v1/account").send().expect(200);
    [
        made.field("key"),
        made.field("signing_secret"),
        rolled.field("key"),
        rolled.field("signing_secret"),
    ]
}

fn money(acme: &Tenant<'_>, wallet: &str) -> String {
    let other = acme.wallet("operating");
    let credit = json!({
        "amount": CREDIT, "reference": "credit-reference-pomegranate", "description": "credit description persimmon",
    });
    acme.post(&format!("/v1/wallets/{wallet}/credit"), &credit)
        .expect(201);
    acme.post(
        &format!("/v1/wallets/{wallet}/debit"),
        &json!({ "amount": DEBIT }),
    )
    .expect(201);
    let transfer = json!({
        "amount": TRANSFER, "source_wallet_id": wallet, "destination_wallet_id": other,
        "reference_id": "ref-transfer-quince", "description": "transfer description loquat",
    });
    acme.post("/v1/transfers", &transfer).expect(201);
    let payout = json!({
        "amount": PAYOUT, "source_wallet_id": wallet, "recipient": { "type": "wallet", "id": other },
        "reference_id": "ref-payout-durian", "description": "payout description rambutan",
        "metadata": { "metakey-marzipan": "metavalue-tangerine" },
    });
    let paid = acme.post("/v1/payouts", &payout).expect(201).id();
    let to_bank = |amount: i64, recipient: serde_json::Value| {
        let body = json!({ "amount": amount, "source_wallet_id": wallet, "recipient": recipient });
        acme.post("/v1/payouts", &body).expect(201).id()
    };
    to_bank(
        TO_BANK,
        json!({
            "type": "bank_account", "account_name": "Casimir Featherstone", "account_number": "770012345678901",
            "bank_code": "QKBANK77",
        }),
    );
    to_bank(
        FAILING,
        json!({
            "type": "bank_account", "account_name": "Peregrine Ashdown", "iban": "GB82 WEST 1234 5698 7654 32",
        }),
    );
    let path = format!("/v1/payouts/{paid}/reverse");
    acme.request("POST", &path)
        .idempotent(&fresh("reverse"))
        .send()
        .expect(200);
    paid
}

/// A card that is revealed, one that is deleted, one with a code of four digits, one where none may stand.
fn cards(acme: &Tenant<'_>) {
    let card = |number: &str, cvv: &str| {
        let name = "Thaddeus Plumwick";
        json!({ "card": { "number": number, "exp_month": 7, "exp_year": 2031, "cvv": cvv, "name": name } })
    };
    let kept = acme.post("/v1/tokens", &card("4539 5787 6362 1486", "919"));
    let kept = kept.expect(201).id();
    let reveal = format!("/v1/tokens/{kept}/reveal");
    acme.post(&reveal, &json!({ "reason": "reason-jackfruit" }))
        .expect(200);
    let gone = acme.post("/v1/tokens", &card("4539578763621486", "919"));
    let gone = format!("/v1/tokens/{}", gone.expect(201).id());
    acme.request("DELETE", &gone).send().expect(200);
    acme.post("/v1/tokens", &card("378282246310005", "9137"))
        .expect(201);
    let pasted = json!({ "type": "master", "metadata": { "note": "5105105105105100" } });
    acme.post("/v1/wallets", &pasted)
        .refused(422, "card_number_refused");
    let agent = acme
        .request("GET", "/v1/tokens")
        .header("User-Agent", "5105105105105100");
    agent.send().refused(422, "card_number_refused");
}

/// A payment that is captured, settled and given back in part.
fn card_payments(acme: &Tenant<'_>, wallet: &str) {
    let token = acme.token("4000056655665556").expect(201).id();
    let body = json!({
        "payment_token": token, "amount": CARD_PAYMENT, "wallet_id": wallet,
        "reference_id": "ref-payment-cherimoya", "customer_id": "customer-feijoa",
        "description": "payment description jabuticaba", "metadata": { "metakey-marzipan": "metavalue-tangerine" },
    });
    let payment = acme.post("/v1/payments", &body).expect(201).id();
    acme.attend(&payment);
    acme.attend(&payment);
    let body = json!({
        "payment_id": payment, "amount": REFUND, "reason": "refund reason ackee",
        "reference_id": "ref-refund-mamoncillo",
    });
    let refund = acme.post("/v1/refunds", &body).expect(201).id();
    acme.attend(&refund);
    for path in ["/v1/payments", "/v1/refunds"] {
        acme.get(path).expect(200);
    }
}

/// What is refused leaves as little behind as what is done.
fn odd_requests(acme: &Tenant<'_>, wallet: &str) {
    let refused = json!({
        "amount": REFUSED, "source_wallet_id": wallet, "reference_id": "ref-refused-salak",
        "recipient": { "type": "bank_account", "account_name": "Casimir Featherstone", "account_number": "770012345678901" },
    });
    let request = acme
        .request("POST", "/v1/payouts")
        .idempotent("idempotency-key-mangosteen");
    request
        .json(&refused)
        .header("X-Forwarded-For", "198.51.100.231")
        .send()
        .refused(422, "insufficient_funds");
    acme.get("/v1/wallets/pasted-where-an-id-belongs")
        .refused(404, "not_found");
    acme.get("/v1/wallets?pasted-where-an-id-belongs=1")
        .refused(400, "unknown_parameter");
    acme.get("/v1/wallets?email=queried%40pulasan.example")
        .expect(200);
    acme.server
        .get("/v1/pasted-where-an-id-belongs")
        .refused(404, "not_found");
    acme.server
        .request("GET", "/v1/account")
        .bearer("pasted-where-an-id-belongs")
        .send()
        .refused(401, "unauthorized");
    let odd = acme
        .request("POST", "/v1/payouts")
        .idempotent(&fresh("odd"));
    odd.body(r#"{"Casimir Featherstone":1}"#)
        .send()
        .refused(422, "unknown_field");
}

/// The balances that came of it.
fn balances(acme: &Tenant<'_>, wallet: &str) -> Vec<i64> {
    let lines = acme.all(&format!("/v1/wallets/{wallet}/transactions"));
    let after = |line: &serde_json::Value| line["balances_after"]["available"].as_i64().unwrap();
    let large = |amount: &i64| *amount > 1 << 45;
    lines
        .iter()
        .map(after)
        .chain([acme.available(wallet)])
        .filter(large)
        .collect()
}
