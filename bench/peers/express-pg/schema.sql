-- What the peer stores: one row per fact, as a careful team would lay it out by hand.

CREATE TABLE organizations (
    id text PRIMARY KEY
);

CREATE TABLE api_keys (
    id text PRIMARY KEY,
    organization_id text NOT NULL REFERENCES organizations,
    hash bytea NOT NULL UNIQUE,
    signing_secret text NOT NULL
);

CREATE TABLE wallets (
    id text PRIMARY KEY,
    organization_id text NOT NULL REFERENCES organizations,
    currency text NOT NULL,
    available bigint NOT NULL CHECK (available >= 0),
    created_at timestamptz NOT NULL DEFAULT now()
);

-- No foreign key to the organization: the wallets have it, and every payout would lock its one row.
CREATE TABLE payouts (
    id text PRIMARY KEY,
    organization_id text NOT NULL,
    source_wallet_id text NOT NULL REFERENCES wallets,
    recipient_wallet_id text NOT NULL REFERENCES wallets,
    amount bigint NOT NULL CHECK (amount > 0),
    currency text NOT NULL,
    status text NOT NULL,
    created_at timestamptz NOT NULL
);
CREATE INDEX ON payouts (organization_id, created_at);

CREATE TABLE ledger_lines (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    payout_id text NOT NULL REFERENCES payouts,
    wallet_id text NOT NULL REFERENCES wallets,
    amount bigint NOT NULL,
    balance_after bigint NOT NULL,
    created_at timestamptz NOT NULL
);
CREATE INDEX ON ledger_lines (wallet_id, id);

CREATE TABLE audit_log (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    organization_id text NOT NULL,
    api_key_id text NOT NULL,
    action text NOT NULL,
    resource_id text NOT NULL,
    ip_address text NOT NULL,
    user_agent text,
    details jsonb NOT NULL,
    created_at timestamptz NOT NULL
);
CREATE INDEX ON audit_log (organization_id, created_at);

CREATE TABLE outbox (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    organization_id text NOT NULL,
    type text NOT NULL,
    payload jsonb NOT NULL,
    created_at timestamptz NOT NULL,
    delivered_at timestamptz
);
CREATE INDEX ON outbox (id) WHERE delivered_at IS NULL;

CREATE TABLE idempotency_keys (
    organization_id text NOT NULL,
    key text NOT NULL,
    request_hash bytea NOT NULL,
    status integer NOT NULL,
    reply text NOT NULL,
    created_at timestamptz NOT NULL,
    PRIMARY KEY (organization_id, key)
);
