-- Between cities: agreements, this node's sharing feed, copies of partners' feeds.
-- Small tables of the node, none of them scoped by subject.

-- Signed, dated agreements as their parties signed them; never changed afterwards.
CREATE TABLE agreement (
    agreement_id  text PRIMARY KEY,
    note          bytea NOT NULL,               -- signed note: the document and all signatures
    parties       text[] NOT NULL,              -- region ids
    valid_from    date NOT NULL,
    valid_to      date,                         -- not in force on and after this day
    recorded_at   timestamptz NOT NULL DEFAULT now()
);

-- The feed: one leaf per shared record version. The index is given here, in the transaction
-- that moves the reader of the outbox, and tiles are written from here.
CREATE TABLE feed_leaf (
    index        bigint PRIMARY KEY CHECK (index >= 0),
    leaf         bytea NOT NULL,
    recorded_at  timestamptz NOT NULL DEFAULT now()
);

-- What a leaf commits to, for the entitled only; erased by emptying disclosures.
CREATE TABLE feed_payload (
    index        bigint PRIMARY KEY,
    item         text NOT NULL,
    operation    text NOT NULL CHECK (operation IN ('UPSERT', 'TOMBSTONE')),
    record_id    uuid NOT NULL,
    subject_id   uuid NOT NULL,
    disclosures  json,                          -- [[salt, name, value], …]; null once erased
    erased_at    timestamptz
);
CREATE INDEX feed_payload_record ON feed_payload (record_id, index);

-- What the feed last said of each record.
CREATE TABLE feed_record (
    record_id  uuid PRIMARY KEY,
    subject_id uuid NOT NULL,
    index      bigint NOT NULL,                 -- -1 when its payload was lost with a restore
    item       text NOT NULL,
    operation  text NOT NULL CHECK (operation IN ('UPSERT', 'TOMBSTONE')),
    stamp      timestamptz NOT NULL
);

-- One row: the head of the feed, what it shares, and how far a change of that was carried out.
CREATE TABLE feed_state (
    one          boolean PRIMARY KEY DEFAULT true CHECK (one),
    size         bigint NOT NULL DEFAULT 0,
    range_hashes bytea NOT NULL DEFAULT '',     -- right edge of the tree: the root at any time
    items        text[] NOT NULL DEFAULT '{}',
    swept_on     date,                          -- domain date of the last look at every record
    sweep_after  uuid                           -- null: no sweep under way
);
INSERT INTO feed_state DEFAULT VALUES;

-- A partner's signed statement that it has carried out the feed up to a size.
CREATE TABLE feed_acknowledgement (
    partner      text NOT NULL,                 -- region id
    size         bigint NOT NULL,
    root         bytea NOT NULL,
    note         bytea NOT NULL,
    received_at  timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (partner, size)
);

-- How far a partner's feed was verified and applied. range_hashes is the right edge of its tree
-- at `size`, so the tree goes on from here without a second reading.
CREATE TABLE mirror_cursor (
    feed               text PRIMARY KEY,        -- origin line of the feed's checkpoints
    region_id          text NOT NULL,
    agreement_id       text NOT NULL,           -- a new agreement is read from the start
    size               bigint NOT NULL,
    range_hashes       bytea NOT NULL,
    checkpoint         bytea,                   -- the last one that was verified
    checkpoint_size    bigint NOT NULL,
    checkpoint_root    bytea NOT NULL,
    acknowledged_size  bigint NOT NULL DEFAULT 0,
    updated_at         timestamptz NOT NULL DEFAULT now()
);

-- Each index of a partner's feed that was carried out here, once.
CREATE TABLE mirror_applied (
    feed        text NOT NULL,
    index       bigint NOT NULL,
    record_id   uuid NOT NULL,
    operation   text NOT NULL CHECK (operation IN ('UPSERT', 'TOMBSTONE')),
    leaf_hash   bytea NOT NULL,
    applied_at  timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (feed, index)
);
CREATE INDEX mirror_applied_record ON mirror_applied (record_id);

-- Whether a partner answers, for the warnings that readers get.
CREATE TABLE partner_state (
    region_id        text PRIMARY KEY,
    code             text,                      -- null: in order
    message          text,
    failures         integer NOT NULL DEFAULT 0,
    evidence         bytea,                     -- what the partner signed and contradicts itself
    last_success_at  timestamptz,
    last_attempt_at  timestamptz
);
